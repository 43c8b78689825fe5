import { sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import { installsAfter, retryInstalls } from '../install/retry.ts';
import { startAssociation } from '../license/associate.ts';
import { blockSize } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { readStoredRequest } from '../license/stored-request.ts';
import type { RemovalOrder } from '../removal/order.ts';
import { failedPairs, retryAppsOfLicenses, retryRemovals } from '../removal/retry.ts';
import { retrySeats } from '../seat/retry.ts';
import { startSync } from '../sync/start.ts';
import { retryUsers } from '../vpp-user/retry.ts';
import { findTask } from './find.ts';

/**
 * Makes a new task of the items that failed, were refused or were cancelled; `retryOf` leads back to the old one.
 * A run of updates has nothing to retry: what it did not update is tried again by itself.
 * Throws TASK_NOT_RETRYABLE, NOT_FOUND, USER_NOT_ACTIVE, and for a sync what starting one can throw.
 */
export async function retryTask(context: Context, input: { taskId: bigint }): Promise<bigint> {
  requireRight(context, 'tasks:write');
  return transaction(context, async (tx) => {
    const task = await findTask(context, tx, input.taskId);
    if (!task.finishedAt)
      throw new TaskNotRetryableError('The task is not over yet. Nothing was started. Wait for its end, or cancel it.');
    if (task.kind === 'SYNC') return retrySync(context, tx, task.id, task.state);
    if (task.kind === 'INSTALL') return retryInstalls(context, tx, task);
    if (task.kind === 'UPDATE')
      throw new TaskNotRetryableError(
        'Nothing was started. What a run of updates did not update is tried again by itself, in the next window or after a wait. For devices that are STUCK call retryStuckUpdates, for a version that is paused resumeUpdates.',
      );
    if (task.kind === 'REMOVE_TOKEN')
      throw new TaskNotRetryableError('Nothing was started. Call removeToken again: it gives back what is left.');
    if (task.kind === 'ASSIGN_SEATS' || task.kind === 'REMOVE_SEATS') return retrySeats(context, tx, task);
    if (task.kind === 'REMOVE_APPS') return retryRemovals(context, tx, task);
    if (task.kind !== 'ASSOCIATE' && task.kind !== 'REVOKE') return retryUsers(context, tx, task);
    return task.kind === 'ASSOCIATE' ? retryAssociation(context, tx, task) : retryRevoke(context, tx, task);
  });
}

async function retrySync(context: Context, tx: Tx, taskId: bigint, state: string): Promise<bigint> {
  requireRight(context, 'tokens:write');
  if (state === 'SUCCEEDED') throw new TaskNotRetryableError('The sync succeeded; start a new one with syncLicenses.');
  const link = await tx.taskToken.findFirstOrThrow({ where: { organizationId: context.actor.organizationId, taskId } });
  const sync = await startSync(context, tx, link.tokenId, { retryOf: taskId });
  await recordAudit(context, tx, { action: 'task.retry', subject: `task:${taskId}`, taskId: sync.taskId });
  return sync.taskId;
}

const none = 'No item of the task failed, so there is nothing to try again. Nothing was started.';

/**
 * Tries the failed pairs again. When not every failure stands in the list, because the task ended before it had come to
 * them, or when there are too many, the request is made again as a whole: what is licensed already stays as it is.
 */
async function retryAssociation(context: Context, tx: Tx, task: Task): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { organizationId } = context.actor;
  const [known] = await tx.$queryRaw<{ count: bigint }[]>(sql`
    SELECT count(*) AS count FROM task_failure WHERE organization_id = ${organizationId} AND task_id = ${task.id}`);
  const pairs = await tx.$queryRaw<{ appId: bigint; holderId: bigint }[]>(sql`
    SELECT DISTINCT app_id AS "appId", coalesce(device_id, vpp_user_id) AS "holderId" FROM task_failure
    WHERE organization_id = ${organizationId} AND task_id = ${task.id} AND app_id IS NOT NULL AND coalesce(device_id, vpp_user_id) IS NOT NULL
      AND code NOT IN ('ALREADY_LICENSED', 'ALREADY_WAITING') LIMIT ${blockSize + 1}`);
  // Who waited in vain waits anew.
  const request = { ...readStoredRequest(task.request), waitUntil: null };
  const install = await installsAfter(tx, organizationId, task.id);
  if (install) requireRight(context, 'devices:write');
  if (known!.count < task.failed || pairs.length > blockSize) {
    return startAssociation(context, tx, request, { retryOf: task.id, install });
  }
  if (pairs.length === 0) throw new TaskNotRetryableError(none);
  const holderIds = [...new Set(pairs.map((pair) => pair.holderId))];
  const again = {
    ...request,
    appIds: [...new Set(pairs.map((pair) => pair.appId))],
    target: request.target.vppUserIds ? { vppUserIds: holderIds } : { deviceIds: holderIds },
    onError: 'SKIP_FAILED' as const,
  };
  const only = new Set(pairs.map((pair) => `${pair.appId}:${pair.holderId}`));
  return startAssociation(context, tx, again, { retryOf: task.id, only, install });
}

/**
 * Tries the failed licenses again, with their apps where those were to go. An app whose license went back already is removed
 * alone.
 */
async function retryRevoke(context: Context, tx: Tx, task: Task): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const failed = await tx.$queryRaw<{ id: bigint; live: boolean }[]>(sql`
    SELECT DISTINCT f.license_id AS id, l.id IS NOT NULL AND l.ended_at IS NULL AS live FROM task_failure f
    LEFT JOIN license l ON l.organization_id = f.organization_id AND l.id = f.license_id
    WHERE f.organization_id = ${context.actor.organizationId} AND f.task_id = ${task.id} AND f.license_id IS NOT NULL LIMIT 10000`);
  const { removeApps, order } = (task.request ?? {}) as { removeApps?: boolean; order?: RemovalOrder };
  const live = failed.filter((license) => license.live);
  if (removeApps && live.length === 0) return retryAppsOfLicenses(context, tx, task);
  if (failed.length === 0) throw new TaskNotRetryableError(none);
  const target = { licenseIds: (removeApps ? live : failed).map((row) => row.id) };
  const pairs = removeApps ? await failedPairs(context, tx, task.id) : [];
  return startRevoke(context, tx, { target, removeApps, order, onError: 'SKIP_FAILED' }, { retryOf: task.id, pairs });
}
