/** The end of runs. @module */
import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { endTask } from '../task/change.ts';
import { recallUnsent, stopItems } from './stop.ts';

/** Takes back what is not sent in runs that were cancelled, lost their policy, or whose window is over: that is carried over. */
export async function closeRuns(context: Context, tx: Tx): Promise<{ carriedOver: number }> {
  const now = moment(context.clock.now());
  const cancelled = sql`EXISTS (SELECT 1 FROM task t WHERE t.organization_id = u.organization_id AND t.id = u.task_id AND t.cancel_requested_at IS NOT NULL)`;
  const ruled = sql`EXISTS (SELECT 1 FROM update_policy p WHERE p.organization_id = u.organization_id AND p.id = u.policy_id)`;
  await stopItems(context, tx, { state: 'CANCELLED', code: 'TASK_CANCELLED' }, cancelled);
  await stopItems(context, tx, { state: 'CANCELLED', code: 'POLICY_CHANGED' }, sql`NOT ${ruled}`);
  await recallUnsent(context, tx, sql`u.ended_at IS NULL AND (${cancelled} OR NOT ${ruled})`);
  const carriedOver = await stopItems(
    context,
    tx,
    { state: 'CARRIED_OVER', code: 'CARRIED_OVER' },
    sql`u.closes_at <= ${now}`,
  );
  return { carriedOver };
}

/** Ends the tasks of runs that have nothing under way any more. */
export async function endRuns(context: Context, tx: Tx): Promise<void> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const over = await tx.$queryRaw<{ taskId: bigint; cancelled: boolean }[]>(sql`
    UPDATE update_run u SET ended_at = ${moment(now)} FROM task t
    WHERE u.organization_id = ${organizationId} AND u.ended_at IS NULL AND t.organization_id = u.organization_id AND t.id = u.task_id
      AND NOT EXISTS (SELECT 1 FROM update_item i WHERE i.organization_id = u.organization_id AND i.task_id = u.task_id AND i.ended_at IS NULL)
    RETURNING u.task_id AS "taskId", t.cancel_requested_at IS NOT NULL AS cancelled`);
  for (const { taskId, cancelled } of over)
    await endTask(tx, { organizationId, taskId }, { state: cancelled ? 'CANCELLED' : 'SUCCEEDED' }, now);
}
