/** The lists among the messages of a block, brought into the inventory. @module */
import { json, sql, type Tx } from '../../db/transaction.ts';
import type { ConnectionClaim } from '../command/claim.ts';
import type { EndedCommand } from '../command/ended.ts';
import type { Context } from '../context.ts';
import { type DatedList, joinLists } from '../inventory/lists.ts';
import { mergeApps, mergeManaged, type ToldManaged } from '../inventory/merge.ts';
import type { Placed } from './read-due.ts';

/**
 * Merges them and gives the devices that told something of their apps. Which apps were asked for says the command, for
 * devices do not repeat it: an answer to none of ours is not taken for a list.
 */
export async function mergeLists(
  context: Context,
  tx: Tx,
  { organizationId }: ConnectionClaim,
  placed: readonly Placed[],
  ended: readonly EndedCommand[],
): Promise<bigint[]> {
  const now = context.clock.now();
  const lists = new Map<bigint, DatedList[]>();
  const add = (deviceId: bigint, list: DatedList) => lists.set(deviceId, [...(lists.get(deviceId) ?? []), list]);
  const managed: ToldManaged[] = [];
  // A device may have been joined by this very block.
  const devices = new Map(placed.map(({ enrollment }) => [enrollment.id, enrollment.deviceId]));
  for (const { request, result, at, ...command } of ended) {
    const deviceId = devices.get(command.enrollmentId) ?? command.deviceId;
    const covers = 'bundleIds' in request ? (request.bundleIds ?? 'ALL') : 'ALL';
    if (deviceId === null || !result) continue;
    if (request.kind === 'LIST_INSTALLED_APPS' && result.apps)
      add(deviceId, { at: at.getTime(), apps: result.apps, covers });
    if (request.kind === 'LIST_MANAGED_APPS' && result.managedApps)
      managed.push({ deviceId, apps: result.managedApps, covers });
  }
  for (const { news, at, enrollment } of placed)
    if (news.kind === 'INVENTORY' && news.apps && enrollment.deviceId !== null)
      add(enrollment.deviceId, {
        at,
        apps: news.apps,
        covers: news.complete ? 'ALL' : news.apps.map((app) => app.bundleId),
      });
  if (lists.size > 0) await mergeJoined(tx, organizationId, lists, now);
  await mergeManaged(tx, organizationId, lastOf(managed), now);
  return [...new Set([...lists.keys(), ...managed.map((one) => one.deviceId)])].sort((a, b) => (a < b ? -1 : 1));
}

/** Two answers of one device: both are told, the later one last. */
function lastOf(managed: readonly ToldManaged[]): ToldManaged[] {
  return [...new Map(managed.map((one) => [one.deviceId, one])).values()];
}

async function mergeJoined(
  tx: Tx,
  organizationId: bigint,
  lists: ReadonlyMap<bigint, DatedList[]>,
  now: Date,
): Promise<void> {
  const known = await readListedAt(tx, organizationId, [...lists.keys()]);
  const joined = [...lists].flatMap(([deviceId, told]) => joinLists(deviceId, told, known.get(deviceId) ?? null) ?? []);
  // Enrollments before lists: in this order everybody locks.
  await noteListed(tx, organizationId, joined);
  await mergeApps(tx, organizationId, joined, now);
}

async function noteListed(
  tx: Tx,
  organizationId: bigint,
  joined: readonly { deviceId: bigint; listedAt: number | null }[],
): Promise<void> {
  const listed = joined.flatMap(({ deviceId, listedAt }) =>
    listedAt === null ? [] : [{ deviceId, at: new Date(listedAt).toISOString() }],
  );
  if (listed.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE enrollment e SET listed_at = o.at FROM (
      SELECT k.id, l.at FROM jsonb_to_recordset(${json(listed)}) AS l("deviceId" bigint, at timestamptz)
      JOIN enrollment k ON k.organization_id = ${organizationId} AND k.device_id = l."deviceId" AND k.state <> 'GONE'
      ORDER BY k.id FOR NO KEY UPDATE OF k
    ) o WHERE e.organization_id = ${organizationId} AND e.id = o.id`);
}

async function readListedAt(
  tx: Tx,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<Map<bigint, number>> {
  const rows = await tx.$queryRaw<{ deviceId: bigint; at: Date }[]>(sql`
    SELECT device_id AS "deviceId", listed_at AS at FROM enrollment WHERE organization_id = ${organizationId}
      AND device_id = ANY (${deviceIds.map(String)}::text[]::bigint[]) AND state <> 'GONE' AND listed_at IS NOT NULL`);
  return new Map(rows.map((row) => [row.deviceId, row.at.getTime()]));
}
