import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { addProgress } from '../task/change.ts';
import { countFor } from '../task/count-for.ts';
import { neverSent } from './never-sent.ts';
import { transition } from './transition.ts';

/** What has to follow when licenses are taken back. */
export interface TakenBack {
  /** Tasks that had asked for licenses which are cancelled now: they may be at their end. */
  askers: bigint[];
  /** Tokens whose writers have something to do, in id order. */
  tokenIds: bigint[];
}

/**
 * Takes the licenses back for the task. What Apple has never heard of is cancelled at once; what it works on is marked
 * and taken back when it is there; what it confirmed is to be sent. The gates, tasks and pools are locked already.
 * `counts: false`: the task counts operations on apps, and a license that goes back with one is no item of its own.
 */
export async function takeBackLicenses(
  context: Context,
  tx: Tx,
  taskId: bigint,
  licenseIds: readonly bigint[],
  { counts = true } = {},
): Promise<TakenBack> {
  if (licenseIds.length === 0) return { askers: [], tokenIds: [] };
  const { organizationId } = context.actor;
  const common = { organizationId, now: context.clock.now(), actor: context.actor, taskId };
  const mine = sql`l.id = ANY (${ids(licenseIds)})`;
  const mark = sql`revoke_task_id = ${taskId}`;

  const cancelled = await transition(tx, 'CANCEL', {
    ...common,
    where: sql`${mine} AND ${neverSent}`,
    reason: 'CANCELLED',
    set: mark,
    failure: { code: 'CANCELLED', message: 'Revoked before it was sent to Apple.', of: 'taskId' },
  });
  const askers = await countFor(tx, organizationId, cancelled, 'taskId', 'failed');
  if (counts && cancelled.count > 0) await addProgress(tx, { organizationId, taskId }, { completed: cancelled.count });
  await transition(tx, 'REQUEST_REVOKE', { ...common, where: mine, set: mark });
  await tx.$executeRaw(sql`
    UPDATE license l SET ${mark} WHERE l.organization_id = ${organizationId} AND ${mine} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')`);

  const tokens = await tx.$queryRaw<{ token_id: bigint }[]>(sql`
    SELECT DISTINCT l.token_id FROM license l WHERE l.organization_id = ${organizationId} AND l.revoke_task_id = ${taskId}
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED') ORDER BY 1`);
  return { askers, tokenIds: tokens.map((token) => token.token_id) };
}
