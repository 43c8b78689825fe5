import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import { blockSize } from '../license/limits.ts';
import { readStoredRequest } from '../license/stored-request.ts';
import { startInstallation } from './ask.ts';
import { type Pair, pairKey } from './facts.ts';
import type { InstallOption } from './follow.ts';
import type { StoredInstalls } from './start.ts';

/**
 * Tries the failed installs again, with licenses where they went back. When not every failure stands in the list, or there
 * are too many, the request is made again as a whole: what is installed already stays as it is.
 */
export async function retryInstalls(context: Context, tx: Tx, task: Task): Promise<bigint> {
  requireRight(context, 'licenses:write');
  requireRight(context, 'devices:write');
  const { organizationId } = context.actor;
  const [known] = await tx.$queryRaw<{ count: bigint }[]>(sql`
    SELECT count(*) AS count FROM task_failure WHERE organization_id = ${organizationId} AND task_id = ${task.id}`);
  const pairs = await tx.$queryRaw<Pair[]>(sql`
    SELECT DISTINCT app_id AS "appId", device_id AS "deviceId" FROM task_failure
    WHERE organization_id = ${organizationId} AND task_id = ${task.id} AND app_id IS NOT NULL AND device_id IS NOT NULL
      AND code <> 'ALREADY_INSTALLED' ORDER BY 1, 2 LIMIT ${blockSize + 1}`);
  const { keepLicenses, asked } = (task.request ?? {}) as StoredInstalls;
  const before = asked ? readStoredRequest(asked) : null;
  const terms = {
    tokenId: before?.tokenId ?? null,
    onError: 'SKIP_FAILED' as const,
    onShortage: before?.onShortage ?? null,
    priority: before?.priority ?? null,
    // Who waited in vain waits anew.
    waitUntil: null,
    keepLicenses: keepLicenses ?? false,
  };
  if (before && (known!.count < task.failed || pairs.length > blockSize)) {
    const { appIds, target } = before;
    return (await startInstallation(context, tx, { ...terms, appIds, target }, { retryOf: task.id })).taskId;
  }
  if (pairs.length === 0)
    throw new TaskNotRetryableError('No item of the task failed that could be tried again. Nothing was started.');
  const target = { deviceIds: [...new Set(pairs.map((pair) => pair.deviceId))] };
  const request = { ...terms, appIds: [...new Set(pairs.map((pair) => pair.appId))], target };
  const only = new Set(pairs.map(pairKey));
  return (await startInstallation(context, tx, request, { retryOf: task.id, only })).taskId;
}

/** How the installs were asked for that followed an association; absent when none did. */
export async function installsAfter(
  tx: Tx,
  organizationId: bigint,
  licensesTaskId: bigint,
): Promise<InstallOption | undefined> {
  const [row] = await tx.$queryRaw<{ id: bigint; request: StoredInstalls }[]>(sql`
    SELECT id, request FROM task WHERE organization_id = ${organizationId} AND kind = 'INSTALL'
      AND (request ->> 'licensesOf')::bigint = ${licensesTaskId} ORDER BY id LIMIT 1`);
  if (!row) return undefined;
  const { keepLicenses, unenrolled, needed } = row.request;
  return { keepLicenses, unenrolled, needed, retryOf: row.id };
}
