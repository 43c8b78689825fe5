import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { endWaits } from './wait.ts';

/** Why those end whose time is over. */
const expiry = { code: 'WAIT_EXPIRED', message: 'No license came up in time. Nothing was associated.' };
/** Why the rows of removed devices end. */
export const removal = {
  code: 'UNKNOWN_DEVICE',
  message: 'The device was removed while it waited for a license. Nothing was associated.',
};

/** Ends all of the app's queue whose time is over or whose device was removed, wherever they stand in it. Gives their tasks. */
export async function endLapsed(context: Context, tx: Tx, appId: bigint): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const expired = sql`w.expires_at <= ${moment(now)}`;
  const removed = sql`EXISTS (SELECT 1 FROM device d WHERE d.organization_id = w.organization_id AND d.id = w.device_id AND d.removed_at IS NOT NULL)`;
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT DISTINCT w.task_id AS id FROM license_wait w
    WHERE w.organization_id = ${organizationId} AND w.app_id = ${appId} AND (${expired} OR ${removed})`);
  const taskIds = rows.map((row) => row.id);
  if (taskIds.length === 0) return [];
  await lockTasks(tx, organizationId, taskIds);
  const theirs = sql`w.app_id = ${appId} AND w.task_id = ANY (${ids(taskIds)})`;
  await endWaits(tx, organizationId, sql`${theirs} AND ${expired}`, expiry, now);
  await endWaits(tx, organizationId, sql`${theirs} AND ${removed}`, removal, now);
  await endSettledTasks(tx, organizationId, taskIds, now);
  return taskIds;
}
