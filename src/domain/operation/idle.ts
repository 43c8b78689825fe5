/** Tasks of installs that have nothing to wait for any more: what they waited for last was the end of their association. @module */
import { type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';

/** Whether task `t` is one. */
export const isIdle: Sql = sql`t.kind = 'INSTALL' AND t.finished_at IS NULL AND t.request ->> 'licensesOf' IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = t.organization_id AND o.task_id = t.id AND NOT o.settled)
  AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = t.organization_id AND l.revoke_task_id = t.id
    AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
  AND NOT EXISTS (SELECT 1 FROM task a WHERE a.organization_id = t.organization_id AND a.id = (t.request ->> 'licensesOf')::bigint
    AND a.finished_at IS NULL)`;

/** Ends them. */
export async function endIdleInstalls(context: Context, organizationId: bigint): Promise<void> {
  const idle = await context.prisma.$queryRaw<{ id: bigint }[]>(sql`
    SELECT t.id FROM task t WHERE t.organization_id = ${organizationId} AND ${isIdle} ORDER BY t.id LIMIT 1000`);
  if (idle.length === 0) return;
  const taskIds = idle.map((task) => task.id);
  await transaction(context, async (tx) => {
    await lockTasks(tx, organizationId, taskIds);
    await endSettledTasks(tx, organizationId, taskIds, context.clock.now());
  });
}
