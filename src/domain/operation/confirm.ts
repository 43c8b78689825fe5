import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { Move } from './after-answer.ts';
import { type Evidence, kinds } from './kinds.ts';
import { lockOperations, type MovedOperation, moveOperations } from './transition.ts';
import { wakeDriver } from './wake.ts';

interface Row extends Evidence {
  id: bigint;
  kind: MovedOperation['kind'];
}

/** Ends operations of the devices whose wish the app list shows. Called after the list was merged. Locks operations only. */
export async function confirmOperations(context: Context, tx: Tx, deviceIds: readonly bigint[]): Promise<void> {
  if (deviceIds.length === 0) return;
  const { organizationId } = context.actor;
  const which = sql`o.ended_at IS NULL AND o.device_id = ANY (${ids(deviceIds)}) AND o.state IN ('SENT', 'INSTALLING', 'PROMPTING', 'PROPAGATING')`;
  await lockOperations(tx, organizationId, which);
  const rows = await tx.$queryRaw<Row[]>(sql`
    SELECT o.id, o.kind::text AS kind, o.state::text AS state, o.cause, o.changed_at AS "changedAt", o.version_before AS "versionBefore",
      o.target_version AS "targetVersion", e.listed_at AS "listedAt", i.bundle_id IS NOT NULL AS present,
      coalesce(i.installing, false) AS installing, i.external_version_id AS "externalVersionId"
    FROM app_operation o
    JOIN app a ON a.organization_id = o.organization_id AND a.id = o.app_id
    LEFT JOIN enrollment e ON e.organization_id = o.organization_id AND e.device_id = o.device_id AND e.state <> 'GONE'
    LEFT JOIN LATERAL (
      SELECT * FROM installed_app i WHERE i.organization_id = o.organization_id AND i.device_id = o.device_id
        AND (i.app_id = o.app_id OR i.bundle_id = a.bundle_id) ORDER BY i.installing LIMIT 1
    ) i ON true
    WHERE o.organization_id = ${organizationId} AND ${which}`);
  const moves = rows.flatMap((row): Move[] => {
    const verdict = kinds[row.kind].byList(row);
    if (verdict === null) return [];
    return [verdict.done ? { id: row.id, step: 'CONFIRM' } : { id: row.id, step: 'FAIL', cause: verdict.cause }];
  });
  const moved = await moveOperations(tx, organizationId, moves, context.clock.now());
  if (moved.length > 0) await wakeDriver(tx, organizationId);
}
