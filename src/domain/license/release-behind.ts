import { nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { followers, followLicenses, keptBecause } from '../operation/follow-licenses.ts';
import { wakeDriver } from '../operation/wake.ts';
import { lockPools } from './transition.ts';

/** What becomes of the licenses. */
export interface Released {
  now: Date;
  /** They end in the next step, which tells those who wait for that. */
  ending?: boolean;
}

/**
 * Frees licenses that are on their way from the revoke that waits behind them: they stay when they arrive, so that apps which
 * were to go after them stay, too. `where` is a condition on `l`. Each counts as a failed item of the revoke, whose row is
 * locked already, unless it counts operations on apps; gives the revokes' ids.
 */
export async function releaseBehind(
  tx: Tx,
  organizationId: bigint,
  where: Sql,
  failure: { code: string; message: string },
  { now, ending = false }: Released,
): Promise<bigint[]> {
  const behind = sql`l.organization_id = ${organizationId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE') AND (${where})`;
  const following = ending ? null : keptBecause(failure.code);
  await lockPools(tx, organizationId, sql`SELECT l.pool_id FROM license l WHERE ${behind}`);
  const rows = await tx.$queryRaw<{ id: bigint; followed: number }[]>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.revoke_task_id FROM license l WHERE ${behind} ORDER BY l.id FOR NO KEY UPDATE
    ), moved AS (
      UPDATE license l SET revoke_task_id = NULL FROM before b WHERE l.organization_id = ${organizationId} AND l.id = b.id
      RETURNING l.id, b.revoke_task_id AS task_id, l.app_id, l.device_id, l.serial_number, l.vpp_user_id, l.client_user_id
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, vpp_user_id, client_user_id, license_id)
      SELECT ${organizationId}, task_id, ${failure.code}, ${failure.message}, app_id, device_id, serial_number, vpp_user_id, client_user_id, id FROM moved
    ) ${following ? followLicenses(following, organizationId, now) : nothing}
    UPDATE task t SET failed = t.failed + CASE WHEN t.kind IN ('INSTALL', 'UPDATE', 'REMOVE_APPS') THEN 0 ELSE d.n END, dirty = true
    FROM (SELECT task_id, count(*) AS n FROM moved GROUP BY task_id) d
    WHERE t.organization_id = ${organizationId} AND t.id = d.task_id RETURNING t.id, ${followers(following)}`);
  if (rows.some((row) => row.followed > 0)) await wakeDriver(tx, organizationId);
  return rows.map((row) => row.id);
}
