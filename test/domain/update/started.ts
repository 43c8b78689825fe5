/** Operations that nobody drives: rows, as `startOperations` leaves them. @module */
import { json, moment, sql, type Tx } from '../../../src/db/transaction.ts';
import type { Context } from '../../../src/domain/context.ts';
import type { NewOperation } from '../../../src/domain/operation/start.ts';

export function startOperations(
  context: Context,
  tx: Tx,
  { taskId }: { taskId: bigint },
  items: readonly NewOperation[],
) {
  const now = moment(context.clock.now());
  return tx.$queryRaw<{ id: bigint; deviceId: bigint; appId: bigint }[]>(sql`
    INSERT INTO app_operation (organization_id, kind, state, task_id, device_id, app_id, target_version, not_after, created_at, changed_at)
    SELECT ${context.actor.organizationId}, 'UPDATE', 'READY', ${taskId}, k.device, k.app, k.version, k.until, ${now}, ${now}
    FROM jsonb_to_recordset(${json(items.map(({ deviceId, appId, targetVersion, notAfter }) => ({ device: deviceId, app: appId, version: targetVersion, until: notAfter })))})
      AS k(device bigint, app bigint, version text, until timestamptz) ON CONFLICT DO NOTHING
    RETURNING id, device_id AS "deviceId", app_id AS "appId"`);
}

export async function wakeOperations(): Promise<void> {}
