import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { neverSent } from '../license/never-sent.ts';
import { addProgress } from '../task/change.ts';
import { countFor } from '../task/count-for.ts';
import { moveSeats } from './transition.ts';

/**
 * Takes the seats back for the task: cancels what Apple has never heard of, marks what it works on, which is taken
 * back when it is there, and has the rest sent. Gives the tasks that
 * had asked for what is cancelled. The gates, tasks and subscriptions are locked already.
 */
export async function takeBackSeats(
  context: Context,
  tx: Tx,
  taskId: bigint,
  seatIds: readonly bigint[],
  deferred: boolean,
): Promise<bigint[]> {
  if (seatIds.length === 0) return [];
  const { organizationId } = context.actor;
  const mine = sql`l.id = ANY (${ids(seatIds)})`;
  const common = { organizationId, now: context.clock.now(), actor: context.actor, taskId };
  const mark = sql`removal_task_id = ${taskId}, removal_deferred = ${deferred}`;
  const cancelled = await moveSeats(tx, 'CANCEL', {
    ...common,
    where: sql`${mine} AND ${neverSent}`,
    reason: 'CANCELLED',
    set: mark,
    failure: { code: 'CANCELLED', message: 'Taken back before it was sent to Apple.', of: 'taskId' },
  });
  const askers = await countFor(tx, organizationId, cancelled, 'taskId', 'failed');
  if (cancelled.count > 0) await addProgress(tx, { organizationId, taskId }, { completed: cancelled.count });
  await moveSeats(tx, 'REQUEST_REMOVAL', { ...common, where: mine, set: mark });
  await tx.$executeRaw(sql`
    UPDATE seat_assignment l SET ${mark} WHERE l.organization_id = ${organizationId} AND ${mine} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')`);
  return askers;
}
