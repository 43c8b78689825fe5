import { sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { TaskFinishedError } from '../errors.ts';
import { endInstallWaits, endsLicenses, licensesOf } from '../install/stop.ts';
import { neverSent } from '../license/never-sent.ts';
import { releaseBehind } from '../license/release-behind.ts';
import { lockPools, transition } from '../license/transition.ts';
import { endWaits } from '../license/wait.ts';
import { ringQueues, wakeQueuesOfToken } from '../license/wake-queue.ts';
import { cancelOperations, countToldOperations } from '../operation/cancel.ts';
import { lockConnection } from '../operation/lock-connection.ts';
import { lockSeatsOf, stopUnsentSeats } from '../seat/stop.ts';
import { ringUpdates } from '../update/wake.ts';
import { failWrites, lockPeopleOfWrites } from '../vpp-user/writes.ts';
import { addProgress, endTask } from './change.ts';
import type { TaskKey } from './events.ts';
import { publishProgress } from './events.ts';
import { findTask } from './find.ts';
import { endSettledTasks, lockTasks } from './settle.ts';

const cancelled = { code: 'CANCELLED', message: 'Cancelled before it was sent to Apple.' };

/** What came of cancelling. */
export interface Cancelled {
  taskId: bigint;
  /** Operations that devices were told of already: they can't be called back. */
  underWay: number;
}

/**
 * Stops what was not sent and gives it back. What was sent settles first, sent again where nobody knows what became of it;
 * then the task is CANCELLED. Nothing that Apple confirmed is undone, except that a license goes back that was taken for an
 * install which is cancelled. Requests for licenses that only these installs needed are cancelled with them. Throws
 * TASK_FINISHED, NOT_FOUND.
 */
export async function cancelTask(context: Context, input: { taskId: bigint }): Promise<Cancelled> {
  requireRight(context, 'tasks:write');
  const key = { organizationId: context.actor.organizationId, taskId: input.taskId };
  const licenses = await transaction(context, async (tx) => {
    const asked = await findTask(context, tx, key.taskId);
    const licensesTaskId = licensesOf(asked);
    // Whoever sends commands waits until this is done. Those of updates are stopped by their run.
    const stopsOperations = asked.kind !== 'UPDATE';
    if (stopsOperations) await lockConnection(tx, key.organizationId);
    // The licenses' task is the older one of the two.
    await lockTasks(tx, key.organizationId, [...(licensesTaskId === null ? [] : [licensesTaskId]), key.taskId]);
    const task = await findTask(context, tx, key.taskId);
    if (task.finishedAt) throw new TaskFinishedError(task.state);
    const licenses = licensesTaskId === null ? null : await findTask(context, tx, licensesTaskId);
    const open = licenses?.finishedAt === null && endsLicenses(task, licenses) ? licenses : null;
    if (open) await stopTask(context, tx, open);
    await stopTask(context, tx, task);
    if (task.kind === 'INSTALL') await endInstallWaits(context, tx, task, cancelled);
    if (stopsOperations) await cancelOperations(context, tx, task.id);
    await recordAudit(context, tx, { action: 'task.cancel', subject: `task:${key.taskId}`, taskId: key.taskId });
    const now = context.clock.now();
    await ringQueues(tx, key.organizationId, now);
    if (task.kind === 'UPDATE') await ringUpdates(tx, key.organizationId);
    await endSettledTasks(tx, key.organizationId, [...(licenses ? [licenses.id] : []), key.taskId], now);
    return licensesTaskId;
  });
  if (licenses !== null) await publishProgress(context, { ...key, taskId: licenses }, { force: true });
  await publishProgress(context, key, { force: true });
  return { taskId: key.taskId, underWay: await countToldOperations(context, key.taskId) };
}

/** Notes that the locked task is to stop, and stops what was not sent to Apple. */
async function stopTask(context: Context, tx: Tx, task: Task): Promise<void> {
  const key = { organizationId: context.actor.organizationId, taskId: task.id };
  const now = context.clock.now();
  // The raised claim stops a worker that reserves or syncs for the task at its next write.
  await tx.$executeRaw(sql`
      UPDATE task SET cancel_requested_at = coalesce(cancel_requested_at, ${now.toISOString()}::timestamptz), claim = claim + 1, due_at = NULL, reserved_all = true
      WHERE organization_id = ${key.organizationId} AND id = ${key.taskId}`);
  // What goes back because of an install or removal goes back nevertheless.
  if (!['SYNC', 'INSTALL', 'REMOVE_APPS'].includes(task.kind))
    await stopUnsent(context, tx, key, task.reservedAll ? 0 : await unreserved(tx, key), now);
  await endWaits(tx, key.organizationId, sql`w.task_id = ${key.taskId}`, cancelled, now);
  if (task.kind === 'REMOVE_TOKEN') await keepToken(tx, key);
  if (task.kind === 'SYNC') await endTask(tx, key, { state: 'CANCELLED' }, now);
}

/** The token whose licenses were being given back stays, and gives licenses again. */
async function keepToken(tx: Tx, key: TaskKey): Promise<void> {
  const kept = await tx.$queryRaw<{ tokenId: bigint }[]>(sql`
    UPDATE token SET removal_task_id = NULL WHERE organization_id = ${key.organizationId} AND removal_task_id = ${key.taskId}
    RETURNING id AS "tokenId"`);
  for (const { tokenId } of kept) await wakeQueuesOfToken(tx, { organizationId: key.organizationId, tokenId });
}

/** Pairs that no block has come to yet; ones that wait for a seat are no part of them. */
async function unreserved(tx: Tx, key: TaskKey): Promise<number> {
  const [row] = await tx.$queryRaw<{ left: number }[]>(sql`
    SELECT (t.requested - t.failed - t.completed - (SELECT count(*) FROM license l WHERE l.organization_id = t.organization_id AND l.task_id = t.id
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      - (SELECT count(*) FROM license_wait w WHERE w.organization_id = t.organization_id AND w.task_id = t.id))::int AS left
    FROM task t WHERE t.organization_id = ${key.organizationId} AND t.id = ${key.taskId}`);
  return Math.max(0, row?.left ?? 0);
}

/** What Apple has not heard of stops; what it has, settles. A revoke that waits behind a request is given up. */
async function stopUnsent(context: Context, tx: Tx, key: TaskKey, left: number, now: Date): Promise<void> {
  const { organizationId, taskId } = key;
  const common = { organizationId, now, actor: context.actor, taskId, reason: cancelled.code };
  const concerned = sql`SELECT l.pool_id FROM license l WHERE l.organization_id = ${organizationId} AND ${underWay(taskId)}`;
  await lockPools(tx, organizationId, concerned);
  await lockSeatsOf(tx, organizationId, [taskId]);
  const open = sql`w.task_id = ${taskId} AND w.call_id IS NULL`;
  await lockPeopleOfWrites(tx, organizationId, open);
  const stopped = await transition(tx, 'CANCEL', {
    ...common,
    where: sql`l.task_id = ${taskId} AND ${neverSent}`,
    failure: { ...cancelled, of: 'taskId' },
  });
  const kept = await transition(tx, 'KEEP', {
    ...common,
    where: sql`l.revoke_task_id = ${taskId} AND l.state = 'REVOKE_REQUESTED' AND ${neverSent}`,
    failure: { ...cancelled, of: 'revokeTaskId' },
  });
  await releaseBehind(tx, organizationId, sql`l.revoke_task_id = ${taskId}`, cancelled, { now });
  await stopUnsentSeats(context, tx, taskId, cancelled);
  await failWrites(tx, organizationId, open, cancelled, now);
  await addProgress(tx, key, { failed: stopped.count + kept.count + left });
}

/** Licenses that the task still asks for, or still takes back. */
function underWay(taskId: bigint) {
  return sql`(
    (l.task_id = ${taskId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')) OR
    (l.revoke_task_id = ${taskId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')))`;
}
