/** What of the policies is open at a moment. Pure. @module */
import type { PolicyRow } from './policy.ts';
import { longestRun, nextOpening, openAt, openingsBetween } from './windows.ts';
import { type Zones, zonesOf } from './zones.ts';

/** A policy that is open in a zone. */
export interface OpenPolicy {
  policy: PolicyRow;
  zone: string;
  opensAt: Date;
  closesAt: Date;
  hardStop: boolean;
  /** It opened since the schedule was last looked at: everything is judged, and not only what changed. */
  fresh: boolean;
}

/** All that is open now. IMMEDIATELY is always. */
export function openPolicies(policies: readonly PolicyRow[], zones: Zones, lookedAt: Date, now: Date): OpenPolicy[] {
  return policies.flatMap((policy): OpenPolicy[] => {
    if (policy.mode === 'NEVER') return [];
    if (policy.mode === 'IMMEDIATELY') {
      const closesAt = new Date(now.getTime() + longestRun);
      return [{ policy, zone: zones.own, opensAt: now, closesAt, hardStop: false, fresh: false }];
    }
    return zonesOf(policy, zones).flatMap((zone) => {
      const open = openAt(policy.windows, zone, now);
      return open ? [{ policy, zone, ...open, fresh: open.opensAt > lookedAt }] : [];
    });
  });
}

/** When the next window of any policy opens; null when none ever does. */
export function nextOfAll(policies: readonly PolicyRow[], zones: Zones, now: Date): Date | null {
  const moments = policies
    .filter(({ mode }) => mode === 'SCHEDULED')
    .flatMap((policy) => zonesOf(policy, zones).map((zone) => nextOpening(policy.windows, zone, now)!.opensAt));
  return moments.length === 0 ? null : new Date(Math.min(...moments.map((moment) => moment.getTime())));
}

/** Windows that opened and closed while nobody looked, for the log: their updates wait for the next ones. */
export function missedOpenings(policies: readonly PolicyRow[], zones: Zones, lookedAt: Date, now: Date): number {
  return policies
    .filter(({ mode }) => mode === 'SCHEDULED')
    .flatMap((policy) => zonesOf(policy, zones).flatMap((zone) => openingsBetween(policy.windows, zone, lookedAt, now)))
    .filter(({ closesAt }) => closesAt <= now).length;
}
