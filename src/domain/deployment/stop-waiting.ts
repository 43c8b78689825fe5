import { ids, sql, transaction } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';
import { blockSize } from '../license/limits.ts';
import { endWaits } from '../license/wait.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { wantedPairs } from './wanted.ts';

/**
 * Devices that a deployment let wait and that no deployment wants there any more leave the queue; so do those that wait on
 * other terms than the present ones, to come back on these.
 */
export async function stopWaiting(context: Context): Promise<void> {
  for (const appId of await waitedFor(context)) while ((await stopBlock(context, appId)) > 0);
}

async function waitedFor({ prisma, actor }: Context): Promise<bigint[]> {
  const rows = await prisma.$queryRaw<{ appId: bigint }[]>(sql`
    SELECT DISTINCT q.app_id AS "appId" FROM license_wait q
    JOIN task t ON t.organization_id = q.organization_id AND t.id = q.task_id AND t.actor = ${actorLabel(actor)}
    WHERE q.organization_id = ${actor.organizationId} ORDER BY 1`);
  return rows.map((row) => row.appId);
}

function stopBlock(context: Context, appId: bigint): Promise<number> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rows = await tx.$queryRaw<{ id: bigint; taskId: bigint }[]>(sql`
      SELECT q.id, q.task_id AS "taskId" FROM license_wait q
      JOIN task t ON t.organization_id = q.organization_id AND t.id = q.task_id AND t.actor = ${actorLabel(context.actor)}
      LEFT JOIN (${wantedPairs(organizationId, [appId])}) w ON w.app_id = q.app_id AND w.device_id = q.device_id AND w.mode <> 'NONE'
        AND w.token_id IS NOT DISTINCT FROM q.token_id AND w.priority = q.priority
      WHERE q.organization_id = ${organizationId} AND q.app_id = ${appId} AND w.device_id IS NULL ORDER BY q.id LIMIT ${blockSize}`);
    if (rows.length === 0) return 0;
    const taskIds = [...new Set(rows.map((row) => row.taskId))];
    await lockTasks(tx, organizationId, taskIds);
    const now = context.clock.now();
    const reason = {
      code: 'OUT_OF_SCOPE',
      message: 'No deployment wants the app on this device any more, or on other terms.',
    };
    await endWaits(tx, organizationId, sql`w.id = ANY (${ids(rows.map((row) => row.id))})`, reason, now);
    await endSettledTasks(tx, organizationId, taskIds, now);
    return rows.length;
  });
}
