import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { TaskKind } from '../../generated/prisma/enums.ts';
import { setRunning } from './change.ts';

/** What tasks are at while devices work on their apps, in their own words. */
export const devicePhases = {
  INSTALL: 'INSTALLING',
  REMOVE_APPS: 'REMOVING',
  REVOKE: 'REMOVING',
  RETIRE_USERS: 'REMOVING',
} as const satisfies Partial<Record<TaskKind, string>>;

/** Kinds of tasks that devices work for. */
export const deviceTasks = Object.keys(devicePhases) as (keyof typeof devicePhases)[];

/**
 * Tasks that had something at Apple and have nothing there any more, while devices still work for them, say so. Their rows
 * are locked.
 */
export async function goBackToDevices(
  tx: Tx,
  organizationId: bigint,
  taskIds: readonly bigint[],
  now: Date,
): Promise<void> {
  if (taskIds.length === 0) return;
  const tasks = await tx.$queryRaw<{ id: bigint; kind: keyof typeof devicePhases }[]>(sql`
    SELECT t.id, t.kind::text AS kind FROM task t
    WHERE t.organization_id = ${organizationId} AND t.id = ANY (${ids(taskIds)}) AND t.kind::text = ANY (${deviceTasks})
      AND (t.state = 'RUNNING' AND t.phase IN ('SENDING', 'CONFIRMING') OR t.state = 'WAITING' AND t.waits_for IN ('APPLE', 'TOKEN_RENEWAL', 'INSTALLATION'))
      AND EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = t.organization_id AND o.task_id = t.id AND NOT o.settled)
      AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = t.organization_id AND l.revoke_task_id = t.id
        AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
      AND NOT EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = t.organization_id AND w.task_id = t.id AND w.state = 'OPEN')
      AND NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = t.organization_id AND l.removal_task_id = t.id
        AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING'))
    ORDER BY t.id`);
  for (const { id, kind } of tasks) await setRunning(tx, { organizationId, taskId: id }, devicePhases[kind], now);
}
