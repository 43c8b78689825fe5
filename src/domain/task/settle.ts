/** The end of tasks whose work lies in license rows. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import { wakeDriver } from '../operation/wake.ts';
import { goBackToDevices } from './at-devices.ts';
import { endTask, setWaiting, type TaskCause } from './change.ts';

/** Locks tasks in the order of their ids, before any pool. */
export async function lockTasks(tx: Tx, organizationId: bigint, taskIds: readonly bigint[]): Promise<void> {
  if (taskIds.length === 0) return;
  await tx.$queryRaw(sql`
    SELECT 1 FROM task WHERE organization_id = ${organizationId} AND id = ANY (${ids(taskIds)}) ORDER BY id FOR UPDATE`);
}

/**
 * Ends each of the tasks that has no license under way and waits for none any more. One that only waits for seats or for devices says so;
 * the others stay as they are. The removal of a token ends by itself, unless it was cancelled.
 * A task that ends with nothing done because something stood in the way of all of it is FAILED with `cause`.
 */
export async function endSettledTasks(
  tx: Tx,
  organizationId: bigint,
  taskIds: readonly bigint[],
  now: Date,
  cause?: TaskCause,
): Promise<bigint[]> {
  if (taskIds.length === 0) return [];
  const settled = await tx.$queryRaw<{ id: bigint; cancelled: boolean; followed: boolean }[]>(sql`
    SELECT t.id, t.cancel_requested_at IS NOT NULL AS cancelled,
      t.kind = 'ASSOCIATE' AND EXISTS (SELECT 1 FROM task i WHERE i.organization_id = t.organization_id AND i.kind = 'INSTALL'
        AND i.finished_at IS NULL AND (i.request ->> 'licensesOf')::bigint = t.id) AS followed
    FROM task t
    WHERE t.organization_id = ${organizationId} AND t.id = ANY (${ids(taskIds)})
      AND (t.kind IN ('ASSOCIATE', 'REVOKE', 'CREATE_USERS', 'UPDATE_USERS', 'RETIRE_USERS', 'ASSIGN_SEATS', 'REMOVE_SEATS', 'INSTALL', 'REMOVE_APPS') OR (t.kind = 'REMOVE_TOKEN' AND t.cancel_requested_at IS NOT NULL)) AND t.state IN ('QUEUED', 'RUNNING', 'WAITING')
      AND (t.reserved_all OR t.cancel_requested_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM license_wait w WHERE w.organization_id = t.organization_id AND w.task_id = t.id)
      AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = t.organization_id AND l.task_id = t.id
                      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = t.organization_id AND l.revoke_task_id = t.id
                      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
      AND NOT EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = t.organization_id AND w.task_id = t.id AND w.state = 'OPEN')
      AND NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = t.organization_id AND l.task_id = t.id
                      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      AND NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = t.organization_id AND l.removal_task_id = t.id
                      AND l.state IN ('REMOVAL_REQUESTED', 'REMOVAL_PENDING'))
      AND NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = t.organization_id AND l.removal_task_id = t.id
                      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      AND NOT EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = t.organization_id AND o.task_id = t.id AND NOT o.settled)
      AND NOT EXISTS (SELECT 1 FROM task a WHERE a.organization_id = t.organization_id AND t.kind = 'INSTALL'
                      AND a.id = (t.request ->> 'licensesOf')::bigint AND a.state IN ('QUEUED', 'RUNNING', 'WAITING'))
    ORDER BY t.id`);
  // Installs that have waited for nothing else are over too: whoever drives them sees to it, under the locks that it takes.
  if (settled.some((task) => task.followed)) await wakeDriver(tx, organizationId);
  await countMissing(tx, organizationId, settled);
  for (const task of settled) {
    const key = { organizationId, taskId: task.id };
    if (task.cancelled) await endTask(tx, key, { state: 'CANCELLED' }, now);
    else if (cause) await endTask(tx, key, { state: 'FAILED', cause }, now);
    else await endTask(tx, key, { state: 'SUCCEEDED' }, now);
  }
  const ended = settled.map((task) => task.id);
  const open = taskIds.filter((id) => !ended.includes(id));
  await waitForSeats(tx, organizationId, open, now);
  await goBackToDevices(tx, organizationId, open, now);
  return ended;
}

/** Installs that were never begun, because their association ended before it came to them, were not done. */
async function countMissing(tx: Tx, organizationId: bigint, tasks: readonly { id: bigint }[]): Promise<void> {
  if (tasks.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE task SET failed = requested - completed WHERE organization_id = ${organizationId} AND id = ANY (${ids(tasks.map((task) => task.id))})
      AND kind = 'INSTALL' AND completed + failed < requested`);
}

/** Tasks that do nothing but wait for seats say until when at most. */
async function waitForSeats(tx: Tx, organizationId: bigint, taskIds: readonly bigint[], now: Date): Promise<void> {
  if (taskIds.length === 0) return;
  const waiting = await tx.$queryRaw<{ id: bigint; until: Date }[]>(sql`
    SELECT t.id, max(w.expires_at) AS until FROM task t
    JOIN license_wait w ON w.organization_id = t.organization_id AND w.task_id = t.id
    WHERE t.organization_id = ${organizationId} AND t.id = ANY (${ids(taskIds)}) AND t.reserved_all
      AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = t.organization_id AND l.task_id = t.id
                      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
    GROUP BY t.id ORDER BY t.id`);
  for (const { id, until } of waiting) await setWaiting(tx, { organizationId, taskId: id }, 'LICENSES', until, now);
}
