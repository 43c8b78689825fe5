/** The end of runs. @module */
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { endTask } from '../task/change.ts';
import type { Scope } from './plan.ts';
import { policyChanged, stopItems } from './stop.ts';
import { type Zones, zoneOf } from './zones.ts';

/** Takes back what is not sent in runs that were cancelled, lost their policy, or whose window is over: that is carried over. */
export async function closeRuns(context: Context, tx: Tx): Promise<{ carriedOver: number }> {
  const now = moment(context.clock.now());
  const cancelled = sql`EXISTS (SELECT 1 FROM task t WHERE t.organization_id = u.organization_id AND t.id = u.task_id AND t.cancel_requested_at IS NOT NULL)`;
  const ruled = sql`EXISTS (SELECT 1 FROM update_policy p WHERE p.organization_id = u.organization_id AND p.id = u.policy_id)`;
  await stopItems(context, tx, { state: 'CANCELLED', code: 'TASK_CANCELLED' }, cancelled);
  await stopItems(context, tx, { state: 'CANCELLED', code: 'POLICY_CHANGED' }, sql`NOT ${ruled}`);
  const carriedOver = await stopItems(
    context,
    tx,
    { state: 'CARRIED_OVER', code: 'CARRIED_OVER' },
    sql`u.closes_at <= ${now}`,
  );
  return { carriedOver };
}

/** Devices of which there is news may be under another policy now, or in another time zone; what waits for them is judged anew. */
export async function stopMoved(context: Context, tx: Tx, { all, deviceIds }: Scope, zones: Zones): Promise<void> {
  if (!all && deviceIds.length === 0) return;
  const named = all ? sql`true` : sql`i.device_id = ANY (${ids(deviceIds)})`;
  const zoneMoved = sql`EXISTS (
    SELECT 1 FROM update_policy p JOIN enrollment e ON e.organization_id = p.organization_id AND e.device_id = i.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
    WHERE p.organization_id = u.organization_id AND p.id = u.policy_id AND p.mode = 'SCHEDULED' AND u.zone <> ${zoneOf(sql`p.zone::text`, zones)})`;
  await stopItems(
    context,
    tx,
    { state: 'CANCELLED', code: 'POLICY_CHANGED' },
    sql`${named} AND (${policyChanged} OR ${zoneMoved})`,
  );
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
