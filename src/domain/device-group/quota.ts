/** Quotas of device groups: as they are set, and as they are read. @module */
import { z } from 'zod';
import type { Rows } from '../../db/rows.ts';
import { ids, type Sql, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { readApps } from '../license/world.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import { parseInput } from '../parse.ts';
import { lockGroup } from './find.ts';
import { inGroup } from './rule.ts';

const inputSchema = z.object({
  groupId: z.bigint(),
  appId: z.bigint().nullish(),
  seats: z.number().int().min(0).max(1_000_000_000).nullish(),
});

/**
 * Sets how many seats of an app, or of all apps together, the group's devices may hold; without `seats` there is no limit
 * any more. What they hold already stays. Throws NOT_FOUND.
 */
export async function setGroupQuota(context: Context, rawInput: z.input<typeof inputSchema>): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { groupId, appId = null, seats = null } = parseInput(inputSchema, rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    await lockGroup(context, tx, groupId);
    if (appId !== null) await readApps(context, tx, [appId]);
    const mine = sql`organization_id = ${organizationId} AND group_id = ${groupId} AND app_id IS NOT DISTINCT FROM ${appId}::bigint`;
    if (seats === null) await tx.$executeRaw(sql`DELETE FROM group_quota WHERE ${mine}`);
    else if ((await tx.$executeRaw(sql`UPDATE group_quota SET seats = ${seats} WHERE ${mine}`)) === 0)
      await tx.$executeRaw(sql`
        INSERT INTO group_quota (organization_id, group_id, app_id, seats) VALUES (${organizationId}, ${groupId}, ${appId}::bigint, ${seats})`);
    await wakeQueues(tx, organizationId, sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'device-group.quota',
      subject: `device-group:${groupId}`,
      data: { appId, seats },
    });
  });
  return groupId;
}

/** One quota and how much of it is used. */
export interface QuotaRow {
  /** Its place in the list of its group: the app's id, or 0 for all apps together. */
  id: bigint;
  appId: bigint | null;
  seats: bigint;
  used: bigint;
}

/**
 * Seats that the devices of quota `q`'s group `g` hold or are being given, as a subquery. Whichever is the shorter way:
 * from the app's licenses to their devices, or from the devices to all of their licenses.
 */
export const usedOfQuota: Sql = sql`CASE WHEN q.app_id IS NULL THEN (
    SELECT count(*) FROM device d JOIN license l ON l.organization_id = d.organization_id AND l.device_id = d.id AND l.ended_at IS NULL
    WHERE d.organization_id = q.organization_id AND ${inGroup})
  ELSE (
    SELECT count(*) FROM license l JOIN device d ON d.organization_id = l.organization_id AND d.id = l.device_id
    WHERE l.organization_id = q.organization_id AND l.app_id = q.app_id AND l.ended_at IS NULL AND ${inGroup}) END`;

/** The same page of the quotas of each group, that of all apps first, in one statement. Only those of the page are counted. */
export async function listQuotasOf(
  reader: Rows,
  organizationId: bigint,
  groupIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, QuotaRow[]>> {
  const place = sql`coalesce(n.app_id, 0)`;
  const rows = await reader.rows<QuotaRow & Owned>(sql`
    SELECT g.id AS "ownerId", q.place AS id, q.app_id AS "appId", q.seats, ${usedOfQuota} AS used
    FROM device_group g CROSS JOIN LATERAL (
      SELECT n.*, ${place} AS place FROM group_quota n
      WHERE n.organization_id = g.organization_id AND n.group_id = g.id ${idWindow(window, place)} ${idOrder(window, place)}
    ) q WHERE g.organization_id = ${organizationId} AND g.id = ANY (${ids(groupIds)}) ORDER BY q.place`);
  return byOwner(rows);
}

/** How many quotas each group has. */
export async function countQuotasOf(
  reader: Rows,
  organizationId: bigint,
  groupIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT group_id AS "ownerId", count(*) AS count FROM group_quota
    WHERE organization_id = ${organizationId} AND group_id = ANY (${ids(groupIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}
