/** What a task of people is about, for its payload. @module */
import type { Rows } from '../../db/rows.ts';
import { sql } from '../../db/transaction.ts';

/** The people of the task in the order in which they were named. */
export async function usersOfTask(reader: Rows, organizationId: bigint, taskId: bigint): Promise<bigint[]> {
  const rows = await reader.rows<{ id: bigint }>(sql`
    SELECT user_id AS id FROM vpp_user_write WHERE organization_id = ${organizationId} AND task_id = ${taskId} ORDER BY id`);
  return rows.map((row) => row.id);
}

/** Licenses of the task's people that Apple never takes back: they stay spent. At most `limit`. */
export async function spentLicenses(
  reader: Rows,
  organizationId: bigint,
  taskId: bigint,
  limit: number,
): Promise<bigint[]> {
  const rows = await reader.rows<{ id: bigint }>(sql`
    SELECT l.id FROM vpp_user_write w
    JOIN license l ON l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id AND l.ended_at IS NULL
    JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id AND NOT p.revocable
    WHERE w.organization_id = ${organizationId} AND w.task_id = ${taskId} ORDER BY l.id LIMIT ${limit}`);
  return rows.map((row) => row.id);
}
