import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { startOperations } from '../operation/start.ts';
import { isTried } from './availability.ts';
import { holdsPlace, itemTables, mayGoOn } from './next-items.ts';
import { isLicensed } from './plan.ts';
import { policyChanged, stopItems } from './stop.ts';
import { askAgain, freshFor } from './times.ts';

interface Ready {
  id: bigint;
  taskId: bigint;
  deviceId: bigint;
  appId: bigint;
  targetVersion: string;
  licenseId: bigint | null;
  closesAt: Date;
  /** As the device has just answered. */
  current: boolean;
  available: boolean;
  /** The policy of its run does not hold for it any more. */
  ruledAnew: boolean;
}

/**
 * Sends updates to devices that have answered, as many as there are places: in the organization, and under each policy.
 * Gives how many places are left.
 */
export async function handOver(context: Context, tx: Tx, places: number): Promise<number> {
  let free = places;
  // Ones that need no update any more leave their places to others.
  for (let round = 0; free > 0 && round < 20; round++) {
    const ready = await nextReady(context, tx, free);
    if (ready.length === 0) return free;
    await endCurrent(
      context,
      tx,
      ready.filter((item) => item.current).map((item) => item.id),
    );
    const wanted = ready.filter((item) => !item.current);
    await cancel(
      context,
      tx,
      'POLICY_CHANGED',
      wanted.filter((item) => item.ruledAnew),
    );
    const ruled = wanted.filter((item) => !item.ruledAnew);
    await cancel(
      context,
      tx,
      'NOT_AVAILABLE',
      ruled.filter((item) => !item.available),
    );
    free -= await send(
      context,
      tx,
      ruled.filter((item) => item.available),
    );
  }
  return free;
}

async function cancel(
  context: Context,
  tx: Tx,
  code: 'POLICY_CHANGED' | 'NOT_AVAILABLE',
  items: readonly Ready[],
): Promise<void> {
  if (items.length === 0) return;
  const which = sql`i.id = ANY (${ids(items.map((item) => item.id))})`;
  await stopItems(context, tx, { state: 'CANCELLED', code }, which);
}

/** The next items whose devices have answered, one a device, within the caps of their policies. */
function nextReady(context: Context, tx: Tx, free: number): Promise<Ready[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  return tx.$queryRaw<Ready[]>(sql`
    WITH sent AS (
      SELECT r.policy_id, count(*) AS count FROM ${itemTables} WHERE i.organization_id = ${organizationId} AND ${holdsPlace(now)} GROUP BY 1
    ), answered AS (
      SELECT DISTINCT ON (i.device_id) i.id, i.task_id, i.device_id, i.app_id, i.ring, r.policy_id, r.target_version, u.closes_at FROM ${itemTables}
      WHERE i.organization_id = ${organizationId} AND i.state = 'ANSWERED' AND i.answered_at >= ${moment(new Date(now.getTime() - freshFor))} AND ${mayGoOn(now)}
      ORDER BY i.device_id, i.ring, i.id
    ), placed AS (
      SELECT n.*, row_number() OVER (PARTITION BY n.policy_id ORDER BY n.ring, n.id) AS place FROM answered n
    ), next AS (
      SELECT n.* FROM placed n LEFT JOIN sent ON sent.policy_id = n.policy_id
      JOIN update_policy p ON p.organization_id = ${organizationId} AND p.id = n.policy_id
      WHERE n.place <= p.max_in_flight - coalesce(sent.count, 0) ORDER BY n.ring, n.id LIMIT ${free}
    )
    SELECT n.id, n.task_id AS "taskId", n.device_id AS "deviceId", n.app_id AS "appId", n.target_version AS "targetVersion", n.closes_at AS "closesAt",
      (SELECT l.id FROM license l WHERE l.organization_id = ${organizationId} AND l.device_id = n.device_id AND l.app_id = n.app_id
        AND l.ended_at IS NULL AND l.state = 'CONFIRMED' ORDER BY l.id LIMIT 1) AS "licenseId",
      coalesce(a.reason = 'CURRENT', false) AS current,
      coalesce(${isTried} AND a.target_version = n.target_version AND ${isLicensed}, false) AS available,
      EXISTS (SELECT 1 FROM ${itemTables} WHERE i.organization_id = ${organizationId} AND i.id = n.id AND ${policyChanged}) AS "ruledAnew"
    FROM next n LEFT JOIN app_availability a ON a.organization_id = ${organizationId} AND a.device_id = n.device_id AND a.app_id = n.app_id
    ORDER BY n.ring, n.id`);
}

/** The device has the version already: nothing is to be done, and that is what was wanted. */
async function endCurrent(context: Context, tx: Tx, itemIds: readonly bigint[]): Promise<void> {
  if (itemIds.length === 0) return;
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    WITH ended AS (
      UPDATE update_item SET state = 'CURRENT', ended_at = ${moment(context.clock.now())}
      WHERE organization_id = ${organizationId} AND id = ANY (${ids(itemIds)}) RETURNING task_id
    )
    UPDATE task t SET completed = completed + c.count, dirty = true FROM (SELECT task_id, count(*) AS count FROM ended GROUP BY 1) c
    WHERE t.organization_id = ${organizationId} AND t.id = c.task_id`);
}

async function send(context: Context, tx: Tx, items: readonly Ready[]): Promise<number> {
  let sent = 0;
  for (const taskId of new Set(items.map((item) => item.taskId))) {
    const own = items.filter((item) => item.taskId === taskId);
    const started = await startOperations(
      context,
      tx,
      { kind: 'UPDATE', taskId },
      own.map(({ deviceId, appId, licenseId, targetVersion, closesAt }) => ({
        deviceId,
        appId,
        licenseId,
        targetVersion: targetVersion.startsWith('>') ? null : targetVersion,
        notAfter: closesAt,
      })),
    );
    const known = new Map(started.map(({ id, deviceId, appId }) => [`${deviceId}:${appId}`, id]));
    const operationOf = ({ deviceId, appId }: Ready) => known.get(`${deviceId}:${appId}`);
    await noteSent(
      context,
      tx,
      own.filter(operationOf).map((item) => ({ ...item, operationId: operationOf(item)! })),
    );
    await postpone(
      context,
      tx,
      own.filter((item) => !operationOf(item)).map((item) => item.id),
    );
    sent += started.length;
  }
  return sent;
}

/** The item has its operation. Whether that was a try is seen at its end. */
async function noteSent(context: Context, tx: Tx, items: readonly (Ready & { operationId: bigint })[]): Promise<void> {
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    UPDATE update_item i SET state = 'SENT', operation_id = k.operation_id
    FROM unnest(${ids(items.map((item) => item.id))}, ${ids(items.map((item) => item.operationId))}) AS k(id, operation_id)
    WHERE i.organization_id = ${organizationId} AND i.id = k.id`);
}

/** Something else is under way for the app on the device. */
async function postpone(context: Context, tx: Tx, itemIds: readonly bigint[]): Promise<void> {
  if (itemIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE update_item SET state = 'WAITING', answered_at = NULL, due_at = ${moment(new Date(context.clock.now().getTime() + askAgain))}
    WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(itemIds)})`);
}
