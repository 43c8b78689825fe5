import { moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { wakeOperations } from '../operation/start.ts';
import { byPrecedence, policiesFor } from './policy.ts';

/** What has not been sent: it can be taken back without a trace on any device. */
export const unsent = sql`i.state IN ('WAITING', 'ASKED', 'ANSWERED')`;

/** Why items end without an update, for people. */
export const stopTexts = {
  CARRIED_OVER:
    'The window closed before its turn came, or the device did not answer in it. It goes on in the next one.',
  POLICY_CHANGED: 'Another policy counts for it now. It is judged anew.',
  TASK_CANCELLED: 'Somebody cancelled the run before it was sent to the device.',
  NOT_AVAILABLE: 'When the device was asked, the version was not to be had for it any more.',
} as const;

/** Why an item ends without an update. */
export type StopCode = keyof typeof stopTexts;

/** Ends unsent items `i` (of run `u`, rollout `r`) and keeps why in the failures of their tasks. Gives how many. */
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

/** Takes back what another policy counts for now, and what a policy that was just set was planned for before. */
export async function stopUnsentOfPolicies(context: Context, tx: Tx, setPolicyId: bigint | null): Promise<void> {
  const set = setPolicyId === null ? sql`false` : sql`u.policy_id = ${setPolicyId}`;
  await stopItems(context, tx, { state: 'CANCELLED', code: 'POLICY_CHANGED' }, sql`${set} OR ${policyChanged}`);
  await recallUnsent(context, tx, policyChanged);
}

/** Operations whose command did not leave yet are not sent any more: their driver sees the moment and cancels them. */
export async function recallUnsent(context: Context, tx: Tx, which: Sql): Promise<void> {
  const { organizationId } = context.actor;
  const now = moment(context.clock.now());
  const recalled = await tx.$queryRaw<{ deviceId: bigint }[]>(sql`
    WITH chosen AS (
      SELECT i.operation_id AS id FROM update_item i JOIN update_run u ON u.organization_id = i.organization_id AND u.task_id = i.task_id
      WHERE i.organization_id = ${organizationId} AND i.state = 'SENT' AND (${which})
    ), operations AS (
      -- One whose command is written down and did not leave is SENT already: its command ends, and it must not make another.
      UPDATE app_operation o SET not_after = ${now}, due_at = CASE o.state WHEN 'SENT' THEN o.due_at ELSE ${now} END FROM chosen
      WHERE o.organization_id = ${organizationId} AND o.id = chosen.id AND (o.state IN ('READY', 'PROPAGATING', 'WAITING_FOR_LICENSE')
        OR (o.state = 'SENT' AND EXISTS (SELECT 1 FROM device_command p WHERE p.organization_id = o.organization_id AND p.operation_id = o.id AND p.state = 'PLANNED')))
      RETURNING o.device_id
    ), commands AS (
      UPDATE device_command c SET not_after = ${now} FROM chosen
      WHERE c.organization_id = ${organizationId} AND c.operation_id = chosen.id AND c.state = 'PLANNED' RETURNING c.device_id
    )
    SELECT device_id AS "deviceId" FROM operations UNION SELECT device_id FROM commands`);
  await wakeOperations(
    context,
    tx,
    recalled.map((row) => row.deviceId),
  );
}
