import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { usedOfQuota } from '../device-group/quota.ts';
import { inGroup } from '../device-group/rule.ts';
import type { Quota } from './quota-room.ts';

type QuotaNumbers = Omit<Quota, 'deviceIds'>;

/**
 * The quotas that the devices fall under, with what is used of them, locked until the commit: whoever reserves under the
 * same quota comes after. The pools are locked already, the devices not yet. `locked: false` only looks.
 */
export async function readQuotas(
  context: Context,
  tx: Tx,
  appIds: readonly bigint[],
  deviceIds: readonly bigint[],
  options: { locked?: boolean } = {},
): Promise<Quota[]> {
  const { organizationId } = context.actor;
  const concerned = sql`q.organization_id = ${organizationId} AND (q.app_id IS NULL OR q.app_id = ANY (${ids(appIds)}))`;
  const some = await tx.$queryRaw<unknown[]>(sql`SELECT 1 FROM group_quota q WHERE ${concerned} LIMIT 1`);
  if (some.length === 0) return [];
  const members = sql`
    SELECT q.id, d.id AS device_id FROM group_quota q
    JOIN device_group g ON g.organization_id = q.organization_id AND g.id = q.group_id
    JOIN device d ON d.organization_id = q.organization_id AND d.id = ANY (${ids(deviceIds)})
    WHERE ${concerned} AND ${inGroup}`;
  if (options.locked ?? true)
    await tx.$queryRaw(sql`
      SELECT 1 FROM group_quota l WHERE l.organization_id = ${organizationId} AND l.id IN (SELECT m.id FROM (${members}) m)
      ORDER BY l.id FOR NO KEY UPDATE`);
  // Only now: what others reserved while the lock was waited for is seen by a statement that begins after it.
  const found = await tx.$queryRaw<{ id: bigint; deviceId: bigint }[]>(
    sql`SELECT m.id, m.device_id AS "deviceId" FROM (${members}) m`,
  );
  const devicesOf = new Map<bigint, Set<bigint>>();
  for (const { id, deviceId } of found) devicesOf.set(id, (devicesOf.get(id) ?? new Set()).add(deviceId));
  const numbers = await tx.$queryRaw<QuotaNumbers[]>(sql`
    SELECT q.id, q.group_id AS "groupId", g.name AS "groupName", q.app_id AS "appId", q.seats, ${usedOfQuota} AS used
    FROM group_quota q JOIN device_group g ON g.organization_id = q.organization_id AND g.id = q.group_id
    WHERE q.organization_id = ${organizationId} AND q.id = ANY (${ids([...devicesOf.keys()])}) ORDER BY q.id`);
  return numbers.map((quota) => ({ ...quota, deviceIds: devicesOf.get(quota.id)! }));
}
