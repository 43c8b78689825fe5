/**
 * Why an app is updated on a device, or not (S64): what stands in the way, the first thing to be looked at first. Pure; the
 * reasons are shaped so that other explanations can take them over.
 * @module
 */
import {
  type AvailabilityReason,
  type AvailabilityRow,
  availabilityReasons,
  triedReasons,
  type Verdict,
} from './availability.ts';
import type { PolicyRow } from './policy.ts';
import { type Reason, reason } from './reason.ts';
import { stagedRollout } from './staged-rollout.ts';
import { freshFor } from './times.ts';
import type { Opening } from './windows.ts';

/** What is known of an app on a device, read at one moment. */
export interface UpdateFacts {
  now: Date;
  /** Null when the device does not have the app. */
  availability: AvailabilityRow | null;
  licensed: boolean;
  /** When the storefront was last read; versions that it has since are not known. */
  storeReadAt: Date | null;
  family: string;
  osVersion: string | null;
  enrollment: { state: 'ENROLLING' | 'ENROLLED' | 'GONE'; lastSeenAt: Date | null; listedAt: Date | null } | null;
  /** Those that hold, the one that applies first. */
  policies: readonly PolicyRow[];
  zone: string;
  open: Opening | null;
  next: Opening | null;
  attempt: {
    attempts: number;
    outcome: string | null;
    cause: { code: string; message: string } | null;
    lastAt: Date | null;
    nextAt: Date | null;
    stuckAt: Date | null;
  } | null;
  rollout: {
    ring: number;
    ringSince: Date | null;
    pausedAt: Date | null;
    pauseCause: { message: string } | null;
  } | null;
  item: {
    state: string;
    ring: number;
    dueAt: Date;
    askedAt: Date | null;
    answeredAt: Date | null;
    closesAt: Date;
    /** Nothing begins from then on: the window closes too soon. */
    lastStartAt: Date;
    /** The app that is being updated on the device meanwhile. */
    busyWith: string | null;
  } | null;
  /** An operation on the app that has not ended. */
  operation: { kind: string; state: string; cause: { code: string; message: string } | null } | null;
}

/** Codes of reasons beside those of availability. */
export type DecisionCode =
  | AvailabilityReason
  | 'NOT_INSTALLED'
  | 'NO_LICENSE'
  | 'NOT_ENROLLED'
  | 'MAC_NOT_DRIVEN'
  | 'STAGED_ROLLOUT'
  | 'NO_POLICY'
  | 'POLICY_NEVER'
  | 'STUCK'
  | 'APP_IN_USE'
  | 'PAUSED'
  | 'OTHER_OPERATION'
  | 'UNDER_WAY'
  | 'RING_NOT_OPEN'
  | 'DEVICE_SILENT'
  | 'DEVICE_BUSY'
  | 'WAITS_FOR_PLACE'
  | 'STAGGERED'
  | 'BACK_OFF'
  | 'WINDOW_CLOSES'
  | 'OUTSIDE_WINDOW'
  | 'NEXT_STEP';

/** What was decided, and why. */
export interface Decision {
  verdict: Verdict;
  /** Whether an update will be sent without anybody doing anything. */
  willUpdate: boolean;
  reasons: Reason<DecisionCode>[];
}

const week = 7 * 86_400_000;

/** The decision as of the facts. */
export function decide(facts: UpdateFacts): Decision {
  const { availability } = facts;
  if (!availability)
    return ended('UNKNOWN', [
      reason('NOT_INSTALLED', 'FACT', 'The app list of the device does not have the app.', {
        listedAt: facts.enrollment?.listedAt,
      }),
    ]);
  const { verdict } = availabilityReasons[availability.reason];
  const standing = standingOf(facts, availability);
  if (!triedReasons.includes(availability.reason)) return ended(verdict, [...standing, ...silence(facts)]);
  const lasting = lastingReasons(facts);
  if (lasting.length > 0) return ended(verdict, [...lasting, ...standing, ...silence(facts)]);
  return { verdict, willUpdate: true, reasons: [passingReason(facts), ...standing, ...silence(facts)] };
}

const ended = (verdict: Verdict, reasons: Reason<DecisionCode>[]): Decision => ({
  verdict,
  willUpdate: false,
  reasons,
});

/** How the versions stand, and what would explain it. */
function standingOf(facts: UpdateFacts, row: AvailabilityRow): Reason<DecisionCode>[] {
  const { confidence, message } = availabilityReasons[row.reason];
  const { installedVersion, storeVersion, storefront, hasUpdate, minimumOsVersion, versionSeenAt } = row;
  const told = { installedVersion, storeVersion, storefront, hasUpdate, minimumOsVersion, versionSeenAt };
  const { storeReadAt } = facts;
  const device = {
    storeReadAt,
    osVersion: facts.osVersion,
    family: facts.family,
    listedAt: facts.enrollment?.listedAt,
  };
  const reasons: Reason<DecisionCode>[] = [
    reason(row.reason, confidence, dated(message, row, storeReadAt), { ...told, ...device }),
  ];
  const staged = stagedRollout(row, facts.now);
  return staged ? [...reasons, staged] : reasons;
}

/** What is current is so by what was read of the store, which is no longer now. */
const dated = (message: string, { reason }: AvailabilityRow, at: Date | null): string =>
  reason === 'CURRENT' && at
    ? `The device has the version that its store had when it was last read, ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC.`
    : message;

/** What does not go away by itself. */
function lastingReasons(facts: UpdateFacts): Reason<DecisionCode>[] {
  const { enrollment, policies, attempt, rollout, licensed, family } = facts;
  const [policy] = policies;
  const reasons: Reason<DecisionCode>[] = [];
  if (!licensed)
    reasons.push(
      reason(
        'NO_LICENSE',
        'FACT',
        'The device holds no confirmed license of the app from Russet; what people installed by themselves is left alone.',
      ),
    );
  if (family === 'MAC')
    reasons.push(
      reason('MAC_NOT_DRIVEN', 'FACT', 'Russet does not install on Macs yet; licenses and app lists only.', { family }),
    );
  if (enrollment?.state !== 'ENROLLED')
    reasons.push(
      reason('NOT_ENROLLED', 'FACT', 'The device is not enrolled with the MDM server, so nothing can be sent to it.', {
        state: enrollment?.state,
      }),
    );
  if (!policy)
    reasons.push(
      reason('NO_POLICY', 'FACT', 'No update policy holds for it. Set one for the organization, the app or a group.'),
    );
  else if (policy.mode === 'NEVER')
    reasons.push(
      reason(
        'POLICY_NEVER',
        'FACT',
        'Its policy is NEVER: no update is sent. That there is one stays visible.',
        policyEvidence(policy),
      ),
    );
  if (attempt?.stuckAt) reasons.push(...stuckReasons(attempt));
  if (rollout?.pausedAt)
    reasons.push(
      reason('PAUSED', 'FACT', rollout.pauseCause?.message ?? 'The version is paused.', { pausedAt: rollout.pausedAt }),
    );
  return reasons;
}

function stuckReasons(attempt: NonNullable<UpdateFacts['attempt']>): Reason<DecisionCode>[] {
  const { attempts, outcome, lastAt, stuckAt, cause } = attempt;
  const stuck = reason(
    'STUCK',
    'FACT',
    'It was tried as often as the policy allows and is not tried again for this version. A newer version is tried anew, and so is this one after retryStuckUpdates.',
    { attempts, outcome, lastAt, stuckAt, cause: cause?.code },
  );
  if (outcome !== 'UNCHANGED') return [stuck];
  const guess =
    'The device accepted each try and kept its version: an app that is always in front, as on a kiosk, can not be replaced while it runs.';
  return [stuck, reason('APP_IN_USE', 'GUESS', guess, { outcome })];
}

/** What it waits for. */
function passingReason(facts: UpdateFacts): Reason<DecisionCode> {
  const { item, operation, attempt, now } = facts;
  if (operation && item?.state !== 'SENT')
    return reason(
      'OTHER_OPERATION',
      'FACT',
      'Something else is under way for the app on the device; the update follows.',
      { ...operation, cause: operation.cause?.code },
    );
  if (item) return itemReason(facts, item);
  if (attempt?.nextAt && attempt.nextAt > now)
    return reason('BACK_OFF', 'FACT', 'The last try did not bring the version; it is tried again, not before nextAt.', {
      attempts: attempt.attempts,
      outcome: attempt.outcome,
      cause: attempt.cause?.code,
      nextAt: attempt.nextAt,
    });
  if (facts.policies[0]!.mode === 'SCHEDULED')
    return reason(
      'OUTSIDE_WINDOW',
      'FACT',
      facts.open
        ? 'The run of this window is over; it comes in the next one.'
        : 'Its window is closed; it comes when the next one opens.',
      {
        nextWindow: facts.next?.opensAt,
        zone: facts.zone,
      },
    );
  return reason('NEXT_STEP', 'LIKELY', 'Nothing stands in its way: it is planned with the next step.');
}

function itemReason(facts: UpdateFacts, item: NonNullable<UpdateFacts['item']>): Reason<DecisionCode> {
  const { rollout, operation, now } = facts;
  if (item.state === 'SENT')
    return reason('UNDER_WAY', 'FACT', 'It is on its way to the device, or the device is at it.', {
      operation: operation?.state,
      cause: operation?.cause?.code,
    });
  if (rollout && item.ring > rollout.ring)
    return reason('RING_NOT_OPEN', 'FACT', 'Other devices get the version first; its ring is not open yet.', {
      ring: item.ring,
      openRing: rollout.ring,
      soaksSince: rollout.ringSince,
    });
  if (item.lastStartAt <= now)
    return reason(
      'WINDOW_CLOSES',
      'FACT',
      'Its window closes too soon for an update to begin in it; it goes on in the next one.',
      { closesAt: item.closesAt, lastStartAt: item.lastStartAt, nextWindow: facts.next?.opensAt },
    );
  if (item.dueAt > now)
    return reason('STAGGERED', 'FACT', 'Devices are asked one after another; its turn is at dueAt.', {
      dueAt: item.dueAt,
    });
  if (item.busyWith !== null)
    return reason(
      'DEVICE_BUSY',
      'FACT',
      'Another app is being updated on the device, which gets one update at a time.',
      {
        app: item.busyWith,
      },
    );
  if (item.state === 'ASKED')
    return reason(
      'DEVICE_SILENT',
      'FACT',
      'The device was asked and has not answered. It is sent nothing before it does.',
      {
        askedAt: item.askedAt,
        lastSeenAt: facts.enrollment?.lastSeenAt,
      },
    );
  return reason('WAITS_FOR_PLACE', 'FACT', 'As many updates are under way as may be at a time.', {
    answeredAt: item.answeredAt,
    goodUntil: item.answeredAt ? new Date(item.answeredAt.getTime() + freshFor) : null,
  });
}

function silence({ enrollment, now }: UpdateFacts): Reason<DecisionCode>[] {
  const seen = enrollment?.state === 'ENROLLED' ? enrollment.lastSeenAt : null;
  if (!seen || now.getTime() - seen.getTime() < week) return [];
  return [
    reason('DEVICE_SILENT', 'LIKELY', 'The device was not seen for a week or more; what is known of it may be old.', {
      lastSeenAt: seen,
    }),
  ];
}

/** What says which policy it is. */
export function policyEvidence(policy: PolicyRow): Record<string, unknown> {
  return { policy: policy.id, scope: policyScope(policy), mode: policy.mode };
}

/** What a policy is for. */
export function policyScope({
  appId,
  groupId,
}: Pick<PolicyRow, 'appId' | 'groupId'>): 'APP_IN_GROUP' | 'APP' | 'GROUP' | 'ORGANIZATION' {
  if (appId !== null) return groupId === null ? 'APP' : 'APP_IN_GROUP';
  return groupId === null ? 'ORGANIZATION' : 'GROUP';
}
