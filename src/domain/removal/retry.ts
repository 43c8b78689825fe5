import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import type { Pair } from '../install/facts.ts';
import { blockSize } from '../license/limits.ts';
import { lockPoolsOf } from '../license/transition.ts';
import { withoutLicense } from './of-licenses.ts';
import type { RemovalOrder } from './order.ts';
import { startRemoval } from './remove-apps.ts';

/** What a task that removed apps was asked for. */
export interface StoredRemovals {
  keepLicenses?: boolean;
  order?: RemovalOrder | null;
  /** The apps were to go because their licenses did: one that another license allows by now stays. */
  unlessLicensed?: boolean;
}

/** Pairs that the task could not remove, at most 10,000. */
export function failedPairs(context: Context, tx: Tx, taskId: bigint): Promise<Pair[]> {
  return tx.$queryRaw<Pair[]>(sql`
    SELECT DISTINCT app_id AS "appId", device_id AS "deviceId" FROM task_failure
    WHERE organization_id = ${context.actor.organizationId} AND task_id = ${taskId} AND app_id IS NOT NULL AND device_id IS NOT NULL
      AND code <> 'APP_NOT_INSTALLED' ORDER BY 2, 1 LIMIT ${blockSize}`);
}

/** Removes the apps that a task could not remove. */
export async function retryRemovals(
  context: Context,
  tx: Tx,
  task: Pick<Task, 'id' | 'request'>,
  asked: StoredRemovals = (task.request ?? {}) as StoredRemovals,
): Promise<bigint> {
  requireRight(context, 'devices:write');
  const { keepLicenses = false, order, unlessLicensed = false } = asked;
  const failed = await failedPairs(context, tx, task.id);
  // Nobody is given one of the apps meanwhile.
  if (unlessLicensed) await lockPoolsOf(tx, context.actor.organizationId, [...new Set(failed.map((one) => one.appId))]);
  const pairs = unlessLicensed ? await withoutLicense(context, tx, failed) : failed;
  if (pairs.length === 0)
    throw new TaskNotRetryableError('No app of the task is left to be removed. Nothing was started.');
  const request = {
    appIds: [...new Set(pairs.map((pair) => pair.appId))],
    target: { deviceIds: [...new Set(pairs.map((pair) => pair.deviceId))] },
    keepLicenses,
    order: order ?? 'APP_FIRST',
    onError: 'SKIP_FAILED' as const,
  };
  return startRemoval(context, tx, request, { retryOf: task.id, pairs, unlessLicensed });
}

/** Removes the apps that could not be removed with their licenses, which have gone back: nothing but the app is left to do. */
export const retryAppsOfLicenses = (context: Context, tx: Tx, task: Pick<Task, 'id' | 'request'>): Promise<bigint> =>
  retryRemovals(context, tx, task, { keepLicenses: true, unlessLicensed: true });
