import { type Sql, type Tx, ids, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { addProgress } from '../task/change.ts';
import { endSettledTasks } from '../task/settle.ts';
import { countFor } from './count-done.ts';
import { transition } from './transition.ts';
import { wakeWriter } from './wake-writer.ts';

/**
 * Takes the licenses back for the task. What Apple has never heard of is cancelled at once; what it works on is marked
 * and taken back when it is there; what it confirmed is to be sent.
 */
export async function takeBackLicenses(context: Context, tx: Tx, taskId: bigint, licenseIds: readonly bigint[]): Promise<void> {
  if (licenseIds.length === 0) return;
  const organizationId = context.actor.organizationId;
  const now = context.clock.now();
  const common = { organizationId, now, actor: context.actor, taskId };
  const mine = sql`l.id = ANY (${ids(licenseIds)})`;
  const mark = sql`revoke_task_id = ${taskId}`;

  const unsent = sql`${mine} AND l.state = 'REQUESTED' AND l.call_id IS NULL`;
  await recordAskers(tx, organizationId, unsent);
  const cancelled = await transition(tx, 'CANCEL', { ...common, where: unsent, reason: 'CANCELLED', set: mark });
  if (cancelled.count > 0) {
    await addProgress(tx, { organizationId, taskId }, { completed: cancelled.count });
    await endSettledTasks(tx, organizationId, await countFor(tx, organizationId, cancelled, 'taskId', 'failed'), now);
  }
  await transition(tx, 'REQUEST_REVOKE', { ...common, where: mine, set: sql`${mark}, call_id = NULL, sends = 0` });
  await tx.$executeRaw(sql`
    UPDATE license l SET ${mark} WHERE l.organization_id = ${organizationId} AND ${mine} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')`);
  const tokens = await tx.$queryRaw<{ token_id: bigint }[]>(sql`
    SELECT DISTINCT l.token_id FROM license l WHERE l.organization_id = ${organizationId} AND l.revoke_task_id = ${taskId}
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED') ORDER BY 1`);
  for (const { token_id: tokenId } of tokens) await wakeWriter(tx, { organizationId, tokenId });
}

/** The tasks that asked for these licenses learn that they were revoked before they were sent. */
async function recordAskers(tx: Tx, organizationId: bigint, unsent: Sql): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, license_id)
    SELECT l.organization_id, l.task_id, 'CANCELLED', 'Revoked before it was sent to Apple.', l.app_id, l.device_id, l.serial_number, l.id
    FROM license l WHERE l.organization_id = ${organizationId} AND ${unsent}`);
}
