import type { AvailabilityRow } from './availability.ts';
import { type Reason, reason } from './reason.ts';

/** Apple brings a new version out over seven days. */
const rolloutFor = 7 * 86_400_000;

/**
 * The guess that a developer hands a new version out step by step and that this device is not among the first: the device
 * does not offer what the store has had for less than a week. Null when that would not explain it.
 */
export function stagedRollout(row: AvailabilityRow | null, now: Date): Reason<'STAGED_ROLLOUT'> | null {
  if (row?.reason !== 'NOT_OFFERED' && row?.reason !== 'NOT_LOOKED_YET') return null;
  const { versionSeenAt, installedVersion, storeVersion } = row;
  if (versionSeenAt === null || now.getTime() - versionSeenAt.getTime() >= rolloutFor) return null;
  return reason(
    'STAGED_ROLLOUT',
    'GUESS',
    'The store has had the version for less than a week, and the device does not offer it: the developer may hand it out to some devices first. It comes by itself then.',
    { versionSeenAt, installedVersion, storeVersion },
  );
}
