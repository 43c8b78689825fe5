import { ids, json, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { lockConnection } from '../operation/lock-connection.ts';
import { wakeOperations } from '../operation/start.ts';
import { lockOperations } from '../operation/transition.ts';
import { itemTables } from './next-items.ts';
import { policyChanged, stopTexts } from './stop.ts';

interface Recalled {
  id: bigint;
  deviceId: bigint;
  code: 'TASK_CANCELLED' | 'UPDATES_PAUSED' | 'POLICY_CHANGED';
}

/** Nothing has left for the device; one whose command is written down and waits is SENT already. */
const notLeft: Sql = sql`(o.state IN ('READY', 'PROPAGATING', 'WAITING_FOR_LICENSE')
  OR (o.state = 'SENT' AND EXISTS (SELECT 1 FROM device_command p WHERE p.organization_id = o.organization_id AND p.operation_id = o.id AND p.state = 'PLANNED')))`;

/**
 * Takes back operations that were planned and did not leave, of runs that were cancelled, versions that are paused, and
 * policies that do not hold any more; `also` names more items `i` of runs `u`. Their drivers end them as CANCELLED, with what
 * is written down here as the cause.
 */
export async function recallUnsent(context: Context, tx: Tx, also: Sql = sql`false`): Promise<void> {
  const { organizationId } = context.actor;
  const recalled = await tx.$queryRaw<Recalled[]>(sql`
    SELECT o.id, o.device_id AS "deviceId",
      CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'TASK_CANCELLED' WHEN r.paused_at IS NOT NULL THEN 'UPDATES_PAUSED' ELSE 'POLICY_CHANGED' END AS code
    FROM ${itemTables} JOIN task t ON t.organization_id = i.organization_id AND t.id = i.task_id
    JOIN app_operation o ON o.organization_id = i.organization_id AND o.id = i.operation_id AND o.ended_at IS NULL AND o.recalled IS NULL AND ${notLeft}
    WHERE i.organization_id = ${organizationId} AND i.state = 'SENT'
      AND (t.cancel_requested_at IS NOT NULL OR r.paused_at IS NOT NULL OR ${policyChanged} OR (${also}))
    ORDER BY o.id`);
  if (recalled.length === 0) return;
  // Nothing leaves and no answer is applied from here on, so what has not left stays so.
  await lockConnection(tx, organizationId);
  await endCommands(context, tx, recalled);
  await endOperations(context, tx, recalled);
  await wakeDevices(tx, organizationId);
  await wakeOperations(
    context,
    tx,
    recalled.map(({ deviceId }) => deviceId),
  );
}

/** Their driver sees the moment and cancels them. */
async function endCommands(context: Context, tx: Tx, recalled: readonly Recalled[]): Promise<void> {
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    UPDATE device_command c SET not_after = ${moment(context.clock.now())} FROM (
      SELECT id FROM device_command WHERE organization_id = ${organizationId} AND operation_id = ANY (${ids(recalled.map(({ id }) => id))}) AND state = 'PLANNED'
      ORDER BY id FOR NO KEY UPDATE
    ) w WHERE c.organization_id = ${organizationId} AND c.id = w.id`);
}

async function endOperations(context: Context, tx: Tx, recalled: readonly Recalled[]): Promise<void> {
  const { organizationId } = context.actor;
  const now = moment(context.clock.now());
  const rows = recalled.map(({ id, code }) => ({ id, cause: { code, message: stopTexts[code] } }));
  await lockOperations(tx, organizationId, sql`o.id = ANY (${ids(recalled.map(({ id }) => id))})`);
  // One whose command ends makes no other, for the moment has passed.
  await tx.$executeRaw(sql`
    UPDATE app_operation o SET not_after = ${now}, recalled = n.cause, due_at = CASE o.state WHEN 'SENT' THEN o.due_at ELSE ${now} END
    FROM jsonb_to_recordset(${json(rows)}) AS n(id bigint, cause jsonb)
    WHERE o.organization_id = ${organizationId} AND o.id = n.id AND o.ended_at IS NULL AND ${notLeft}`);
}
