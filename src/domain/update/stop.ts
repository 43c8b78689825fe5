import { moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { byPrecedence, policiesFor } from './policy.ts';

/** What has not been sent: it can be taken back without a trace on any device. */
export const unsent = sql`i.state IN ('WAITING', 'ASKED', 'ANSWERED')`;

/** Why items end without an update, for people. */
export const stopTexts = {
  CARRIED_OVER:
    'The window closed before its turn came, or the device did not answer in it. It goes on in the next one.',
  POLICY_CHANGED: 'Another policy or time zone counts for it now. It is judged anew.',
  TASK_CANCELLED: 'Somebody cancelled the run before it was sent to the device.',
  UPDATES_PAUSED: 'The version was paused before it was sent to the device. It goes on when somebody resumes it.',
  NOT_AVAILABLE: 'When the device was asked, the version was not to be had for it any more.',
} as const;

/** Why an item ends without an update. */
export type StopCode = keyof typeof stopTexts;

/** The tasks of runs that go on, in the order of their ids: whatever ends items counts in several of them. */
export async function lockRunTasks(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM task t WHERE t.organization_id = ${organizationId} AND t.id IN (
      SELECT u.task_id FROM update_run u WHERE u.organization_id = ${organizationId} AND u.ended_at IS NULL
    ) ORDER BY t.id FOR NO KEY UPDATE`);
}

/**
 * Ends unsent items `i` (of run `u`, rollout `r`) and keeps why in the failures of their tasks, which are locked. Gives how
 * many.
 */
export async function stopItems(
  context: Context,
  tx: Tx,
  end: { state: 'CARRIED_OVER' | 'CANCELLED'; code: StopCode },
  which: Sql,
): Promise<number> {
  const { organizationId } = context.actor;
  const [row] = await tx.$queryRaw<{ count: number }[]>(sql`
    WITH chosen AS (
      SELECT i.id FROM update_item i JOIN update_run u ON u.organization_id = i.organization_id AND u.task_id = i.task_id
      JOIN update_rollout r ON r.organization_id = i.organization_id AND r.id = i.rollout_id
      WHERE i.organization_id = ${organizationId} AND i.ended_at IS NULL AND ${unsent} AND (${which})
    ), ended AS (
      UPDATE update_item i SET state = ${end.state}::"UpdateItemState", ended_at = ${moment(context.clock.now())}
      FROM chosen WHERE i.organization_id = ${organizationId} AND i.id = chosen.id RETURNING i.task_id, i.app_id, i.device_id
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number)
      SELECT ${organizationId}, e.task_id, ${end.code}, ${stopTexts[end.code]}, e.app_id, e.device_id, d.serial_number
      FROM ended e JOIN device d ON d.organization_id = ${organizationId} AND d.id = e.device_id
    ), counted AS (
      UPDATE task t SET failed = failed + c.count, dirty = true FROM (SELECT task_id, count(*) AS count FROM ended GROUP BY task_id) c
      WHERE t.organization_id = ${organizationId} AND t.id = c.task_id
    )
    SELECT count(*)::int AS count FROM ended`);
  return row!.count;
}

/** Whether another policy counts for item `i` of run `u` now: NEVER, or none at all. */
export const policyChanged: Sql = sql`NOT EXISTS (
  SELECT 1 FROM device d CROSS JOIN LATERAL (SELECT p.id, p.mode FROM ${policiesFor(sql`i.app_id`)} ORDER BY ${byPrecedence} LIMIT 1) q
  WHERE d.organization_id = i.organization_id AND d.id = i.device_id AND q.id = u.policy_id AND q.mode <> 'NEVER')`;
