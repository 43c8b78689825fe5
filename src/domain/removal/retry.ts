import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import type { Pair } from '../install/facts.ts';
import { blockSize } from '../license/limits.ts';
import type { RemovalOrder } from './order.ts';
import { startRemoval } from './remove-apps.ts';

/** Removes the apps that a task could not remove. `keepLicenses`: nothing but the app is left to do. */
export async function retryRemovals(
  context: Context,
  tx: Tx,
  task: Pick<Task, 'id' | 'request'>,
  { keepLicenses }: { keepLicenses?: boolean } = {},
): Promise<bigint> {
  requireRight(context, 'devices:write');
  const pairs = await tx.$queryRaw<Pair[]>(sql`
    SELECT DISTINCT app_id AS "appId", device_id AS "deviceId" FROM task_failure
    WHERE organization_id = ${context.actor.organizationId} AND task_id = ${task.id} AND app_id IS NOT NULL AND device_id IS NOT NULL
      AND code NOT IN ('APP_NOT_INSTALLED', 'OPERATION_IN_PROGRESS') ORDER BY 2, 1 LIMIT ${blockSize}`);
  if (pairs.length === 0)
    throw new TaskNotRetryableError('No app of the task is left to be removed. Nothing was started.');
  const asked = (task.request ?? {}) as { keepLicenses?: boolean; order?: RemovalOrder | null };
  const request = {
    appIds: [...new Set(pairs.map((pair) => pair.appId))],
    target: { deviceIds: [...new Set(pairs.map((pair) => pair.deviceId))] },
    keepLicenses: keepLicenses ?? asked.keepLicenses ?? false,
    order: asked.order ?? 'APP_FIRST',
    onError: 'SKIP_FAILED' as const,
  };
  return startRemoval(context, tx, request, { retryOf: task.id, pairs });
}
