import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import { failedPairs, retryAppsOfLicenses } from '../removal/retry.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import { requestAgain, startCreation } from './create.ts';
import { lockVppUsers } from './find.ts';
import { startRetirement } from './retire.ts';
import { startUpdate } from './update.ts';

interface FailedWrite {
  userId: bigint;
  tokenId: bigint;
  email: string | null;
  managedAppleId: string | null;
}

/**
 * Makes a new task of the people whom the old one could not create, change or retire, and of the apps of leavers that it could
 * not remove. Where only apps are left, it is one that removes apps.
 */
export async function retryUsers(
  context: Context,
  tx: Tx,
  task: Pick<Task, 'id' | 'kind' | 'request'>,
): Promise<bigint> {
  requireRight(context, 'users:write');
  const failed = await tx.$queryRaw<FailedWrite[]>(sql`
    SELECT user_id AS "userId", token_id AS "tokenId", email, managed_apple_id AS "managedAppleId" FROM vpp_user_write
    WHERE organization_id = ${context.actor.organizationId} AND task_id = ${task.id} AND state = 'FAILED' ORDER BY id`);
  const { removeApps = false } = (task.request ?? {}) as { removeApps?: boolean };
  const userIds = failed.map((write) => write.userId);
  if (removeApps && !(await areLeft(context, tx, userIds))) return retryAppsOfLicenses(context, tx, task);
  if (failed.length === 0)
    throw new TaskNotRetryableError(
      'Nobody in the task failed, so there is nothing to try again. Nothing was started.',
    );
  if (task.kind === 'RETIRE_USERS') {
    const pairs = removeApps ? await failedPairs(context, tx, task.id) : [];
    return startRetirement(context, tx, { vppUserIds: userIds, removeApps, pairs }, task.id);
  }
  if (task.kind === 'UPDATE_USERS') {
    return startUpdate(context, tx, await lockVppUsers(context, tx, userIds, 'TO_CHANGE', []), failed, task.id);
  }
  await requireUsableToken(context, tx, failed[0]!.tokenId);
  await requestAgain(context, tx, userIds);
  return startCreation(context, tx, failed[0]!.tokenId, failed, task.id);
}

/** Whether one of the people is still to be retired: another task may have done it, or be at it. */
async function areLeft(context: Context, tx: Tx, userIds: readonly bigint[]): Promise<boolean> {
  if (userIds.length === 0) return false;
  const left = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM vpp_user WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(userIds)})
      AND status IN ('REQUESTED', 'REGISTERED', 'ASSOCIATED') AND NOT retiring LIMIT 1`);
  return left.length > 0;
}
