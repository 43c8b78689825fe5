import { sql, transaction, type Tx } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { TaskFinishedError } from '../errors.ts';
import { countFor } from '../license/count-done.ts';
import { transition } from '../license/transition.ts';
import { addProgress, endTask } from './change.ts';
import type { TaskKey } from './events.ts';
import { publishProgress } from './events.ts';
import { recordLicenseFailures } from './failures.ts';
import { findTask } from './find.ts';
import { endSettledTasks } from './settle.ts';

const cancelled = { code: 'CANCELLED', message: 'Cancelled before it was sent to Apple.' };

/**
 * Stops what was not sent and gives it back. What was sent settles first, then the task is CANCELLED; nothing that
 * Apple confirmed is undone. Throws TASK_FINISHED, NOT_FOUND.
 */
export async function cancelTask(context: Context, input: { taskId: bigint }): Promise<bigint> {
  requireRight(context, 'tasks:write');
  const key = { organizationId: context.actor.organizationId, taskId: input.taskId };
  await transaction(context, async (tx) => {
    await tx.$queryRaw(sql`SELECT 1 FROM task WHERE organization_id = ${key.organizationId} AND id = ${key.taskId} FOR UPDATE`);
    const task = await findTask(context, tx, key.taskId);
    if (['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(task.state)) throw new TaskFinishedError(task.state);
    const now = context.clock.now();
    // The raised claim stops a worker that reserves or syncs for the task at its next write.
    await tx.$executeRaw(sql`
      UPDATE task SET cancel_requested_at = coalesce(cancel_requested_at, ${now.toISOString()}::timestamptz), claim = claim + 1, due_at = NULL, reserved_all = true
      WHERE organization_id = ${key.organizationId} AND id = ${key.taskId}`);
    if (task.kind === 'SYNC') await endTask(tx, key, { state: 'CANCELLED' }, now);
    else await stopUnsent(context, tx, key, task.reservedAll ? 0 : await unreserved(tx, key), now);
    await recordAudit(context, tx, { action: 'task.cancel', subject: `task:${key.taskId}`, taskId: key.taskId });
    await endSettledTasks(tx, key.organizationId, [key.taskId], now);
  });
  await publishProgress(context, key, { force: true });
  return key.taskId;
}

/** Pairs that no block has come to yet. */
async function unreserved(tx: Tx, key: TaskKey): Promise<number> {
  const [row] = await tx.$queryRaw<{ left: number }[]>(sql`
    SELECT (t.requested - t.failed - t.completed - (SELECT count(*) FROM license l WHERE l.organization_id = t.organization_id AND l.task_id = t.id
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')))::int AS left
    FROM task t WHERE t.organization_id = ${key.organizationId} AND t.id = ${key.taskId}`);
  return Math.max(0, row?.left ?? 0);
}

async function stopUnsent(context: Context, tx: Tx, key: TaskKey, left: number, now: Date): Promise<void> {
  const common = { organizationId: key.organizationId, now, actor: context.actor, taskId: key.taskId, reason: cancelled.code };
  const asked = sql`l.task_id = ${key.taskId} AND l.state = 'REQUESTED' AND l.call_id IS NULL`;
  await recordLicenseFailures(tx, key, asked, cancelled);
  const stopped = await transition(tx, 'CANCEL', { ...common, where: asked });
  await countFor(tx, key.organizationId, stopped, 'taskId', 'failed');

  const revoking = sql`l.revoke_task_id = ${key.taskId} AND l.state = 'REVOKE_REQUESTED' AND l.call_id IS NULL`;
  await recordLicenseFailures(tx, key, revoking, cancelled);
  const kept = await transition(tx, 'KEEP', { ...common, where: revoking });
  const behind = sql`l.revoke_task_id = ${key.taskId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')`;
  await recordLicenseFailures(tx, key, behind, cancelled);
  const spared = await tx.$executeRaw(sql`UPDATE license l SET revoke_task_id = NULL WHERE l.organization_id = ${key.organizationId} AND ${behind}`);
  await addProgress(tx, key, { failed: kept.count + spared + left });
}
