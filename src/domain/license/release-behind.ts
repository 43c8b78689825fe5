import { type Sql, sql, type Tx } from '../../db/transaction.ts';
import { lockPools } from './transition.ts';

/**
 * Frees licenses that are on their way from the revoke that waits behind them: they stay when they arrive. `where` is a
 * condition on `l`. Each counts as a failed item of the revoke, whose row is locked already; gives the revokes' ids.
 */
export async function releaseBehind(
  tx: Tx,
  organizationId: bigint,
  where: Sql,
  failure: { code: string; message: string },
): Promise<bigint[]> {
  const behind = sql`l.organization_id = ${organizationId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE') AND (${where})`;
  await lockPools(tx, organizationId, sql`SELECT l.pool_id FROM license l WHERE ${behind}`);
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.revoke_task_id FROM license l WHERE ${behind} ORDER BY l.id FOR NO KEY UPDATE
    ), freed AS (
      UPDATE license l SET revoke_task_id = NULL FROM before b WHERE l.organization_id = ${organizationId} AND l.id = b.id
      RETURNING l.id, b.revoke_task_id AS task_id, l.app_id, l.device_id, l.serial_number, l.vpp_user_id, l.client_user_id
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, vpp_user_id, client_user_id, license_id)
      SELECT ${organizationId}, task_id, ${failure.code}, ${failure.message}, app_id, device_id, serial_number, vpp_user_id, client_user_id, id FROM freed
    )
    UPDATE task t SET failed = t.failed + d.n, dirty = true
    FROM (SELECT task_id, count(*) AS n FROM freed GROUP BY task_id) d
    WHERE t.organization_id = ${organizationId} AND t.id = d.task_id RETURNING t.id`);
  return rows.map((row) => row.id);
}
