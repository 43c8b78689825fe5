import { moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { startLicensing } from '../license/associate.ts';
import { blockSize } from '../license/limits.ts';
import { inBulk } from './in-bulk.ts';
import { keepInstallRefusals, noteFailedInstalls } from './install-refusals.ts';
import { keepRefusals } from './problem.ts';
import { type DeviceRange, hasFailed, isHeld, isRefusedLicense, isWaiting, wantedPairs } from './wanted.ts';

/** Where an app is to come from, and how urgently: each kind is asked for by tasks of its own. */
export interface Source {
  appId: bigint;
  tokenId: bigint | null;
  priority: number;
  /** It is installed too. */
  install: boolean;
}

/** Milliseconds until a refused device is tried again, though nothing of it changed. */
export const retryAfter = 6 * 60 * 60 * 1000;

/** The pairs that a deployment wants served, that have no license, and that nothing speaks against. Columns as of {@link wantedPairs}. */
export function lackingPairs(context: Context, appIds: readonly bigint[] | null, range: DeviceRange): Sql {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const since = moment(new Date(now.getTime() - retryAfter));
  return sql`
    SELECT w.* FROM (${wantedPairs(organizationId, appIds, range, sql`NOT ${isHeld(organizationId, range)}`)}) w
    WHERE w.mode <> 'NONE' AND NOT ${isWaiting(organizationId)} AND NOT ${isRefusedLicense(organizationId, moment(now))}
      AND NOT ${hasFailed(organizationId, since)}`;
}

/** What was given. */
export interface Given {
  granted: number;
  refused: number;
}

/** Asks for licenses for all devices of the range that lack the app, block by block. */
export async function giveLacking(context: Context, source: Source, range: DeviceRange): Promise<Given> {
  const sum: Given = { granted: 0, refused: 0 };
  // Never back over one that was asked for: a comparison asks once, whatever came of it.
  for (let rest: DeviceRange | null = range; rest; ) {
    const block: Given & { last: bigint | null } = await giveBlock(context, source, rest);
    sum.granted += block.granted;
    sum.refused += block.refused;
    rest = block.last === null ? null : { ...rest, after: block.last };
  }
  return sum;
}

/** Those without a seat wait for one; others that can't have it are kept as refused. Gives the last device when there may be more. */
async function giveBlock(
  context: Context,
  source: Source,
  range: DeviceRange,
): Promise<Given & { last: bigint | null }> {
  const { appId, tokenId, priority, install } = source;
  if (install) await noteFailedInstalls(context);
  return transaction(context, async (tx) => {
    const rows = await inBulk<{ id: bigint }>(
      tx,
      sql`
        SELECT w.device_id AS id FROM (${lackingPairs(context, [appId], range)}) w
        WHERE w.token_id IS NOT DISTINCT FROM ${tokenId}::bigint AND w.priority = ${priority} AND (w.mode = 'LICENSE_AND_INSTALL') = ${install}
        ORDER BY w.device_id LIMIT ${blockSize}`,
    );
    if (rows.length === 0) return { granted: 0, refused: 0, last: null };
    const deviceIds = rows.map((row) => row.id);
    const wish = { appIds: [appId], target: { deviceIds }, tokenId, priority };
    const terms = { ...wish, onError: 'SKIP_FAILED', onShortage: 'WAIT' } as const;
    const options = install ? { install: { unenrolled: 'WAIT' as const } } : {};
    const { taskId, installsTaskId } = await startLicensing(context, tx, terms, options);
    const retryAt = new Date(context.clock.now().getTime() + retryAfter);
    // A license that is refused says more than an install that is.
    if (installsTaskId !== null) await keepInstallRefusals(context, tx, installsTaskId);
    const refused = await keepRefusals(context, tx, taskId, retryAt);
    const last = rows.length < blockSize ? null : deviceIds.at(-1)!;
    return { granted: deviceIds.length - refused, refused, last };
  });
}
