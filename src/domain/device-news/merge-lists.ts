/** The lists among the messages of a block, brought into the inventory. @module */
import { json, sql, type Tx } from '../../db/transaction.ts';
import type { ConnectionClaim } from '../command/claim.ts';
import type { EndedCommand } from '../command/ended.ts';
import type { Context } from '../context.ts';
import { type DatedList, type Joined, joinLists, type ListedAt, neverListed } from '../inventory/lists.ts';
import { mergeApps, mergeManaged, type ToldManaged } from '../inventory/merge.ts';
import type { Placed } from './read-due.ts';

/** What a device said of its managed apps, and when. */
type DatedManaged = ToldManaged & { at: number };

/**
 * Merges them and gives the devices that told something of their apps. Which apps were asked for says the command, for
 * devices do not repeat it: an answer to none of ours is not taken for a list. Nor is one from before a goodbye.
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
  const managed: DatedManaged[] = [];
  const enrollments = new Map(placed.map(({ enrollment }) => [enrollment.id, enrollment]));
  const isOver = (enrollmentId: bigint, at: number) =>
    at <= (enrollments.get(enrollmentId)?.known.checkedOutAt ?? -Infinity);
  const add = (deviceId: bigint, list: DatedList) => lists.set(deviceId, [...(lists.get(deviceId) ?? []), list]);
  for (const { request, result, at: moment, enrollmentId, ...command } of ended) {
    // A device may have been joined by this very block.
    const deviceId = enrollments.get(enrollmentId)?.deviceId ?? command.deviceId;
    const covers = 'bundleIds' in request ? (request.bundleIds ?? 'ALL') : 'ALL';
    const at = moment.getTime();
    if (deviceId === null || !result || isOver(enrollmentId, at)) continue;
    if (request.kind === 'LIST_INSTALLED_APPS' && result.apps) add(deviceId, { at, apps: result.apps, covers });
    if (request.kind === 'LIST_MANAGED_APPS' && result.managedApps)
      managed.push({ deviceId, apps: result.managedApps, covers, at });
  }
  for (const { news, at, enrollment } of placed)
    if (news.kind === 'INVENTORY' && news.apps && enrollment.deviceId !== null && !isOver(enrollment.id, at))
      add(enrollment.deviceId, {
        at,
        apps: news.apps,
        covers: news.complete ? 'ALL' : news.apps.map((app) => app.bundleId),
      });
  const told = [...new Set([...lists.keys(), ...managed.map((one) => one.deviceId)])].sort((a, b) => (a < b ? -1 : 1));
  if (told.length === 0) return [];
  const known = await readListedAt(tx, organizationId, told);
  const joined = [...lists].flatMap(
    ([deviceId, some]) => joinLists(deviceId, some, known.get(deviceId)?.apps ?? neverListed) ?? [],
  );
  const newest = newestOf(managed, (deviceId) => known.get(deviceId)?.managed ?? -Infinity);
  // Enrollments before lists: in this order everybody locks.
  await noteListed(tx, organizationId, joined, newest);
  await mergeApps(tx, organizationId, joined, now);
  await mergeManaged(tx, organizationId, newest, now);
  return told;
}

/** Of several answers of one device the newest, unless a newer one is known. */
function newestOf(managed: readonly DatedManaged[], knownAt: (deviceId: bigint) => number): DatedManaged[] {
  const sorted = managed.filter(({ deviceId, at }) => at >= knownAt(deviceId)).sort((a, b) => a.at - b.at);
  return [...new Map(sorted.map((one) => [one.deviceId, one])).values()];
}

async function noteListed(
  tx: Tx,
  organizationId: bigint,
  joined: readonly Joined[],
  managed: readonly DatedManaged[],
): Promise<void> {
  const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  const listed = joined.map(({ deviceId, listedAt: { whole, some } }) => ({
    deviceId,
    whole: iso(whole),
    single: some,
  }));
  const stood = managed.map(({ deviceId, at }) => ({ deviceId, at: iso(at) }));
  if (listed.length + stood.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE enrollment e SET listed_at = coalesce(o.whole, e.listed_at), some_listed_at = coalesce(o.single, e.some_listed_at),
      managed_listed_at = coalesce(o.managed, e.managed_listed_at) FROM (
      SELECT k.id, l.whole, l.single, m.at AS managed FROM jsonb_to_recordset(${json(listed)}) AS l("deviceId" bigint, whole timestamptz, single jsonb)
      FULL JOIN jsonb_to_recordset(${json(stood)}) AS m("deviceId" bigint, at timestamptz) USING ("deviceId")
      JOIN enrollment k ON k.organization_id = ${organizationId} AND k.device_id = "deviceId" AND k.state <> 'GONE'
      ORDER BY k.id FOR NO KEY UPDATE OF k
    ) o WHERE e.organization_id = ${organizationId} AND e.id = o.id`);
}

async function readListedAt(
  tx: Tx,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<Map<bigint, { apps: ListedAt; managed: number | null }>> {
  const rows = await tx.$queryRaw<
    { deviceId: bigint; whole: Date | null; single: Record<string, number>; managed: Date | null }[]
  >(sql`
    SELECT device_id AS "deviceId", listed_at AS whole, some_listed_at AS single, managed_listed_at AS managed FROM enrollment
    WHERE organization_id = ${organizationId} AND device_id = ANY (${deviceIds.map(String)}::text[]::bigint[]) AND state <> 'GONE'`);
  return new Map(
    rows.map(({ deviceId, whole, single, managed }) => [
      deviceId,
      { apps: { whole: whole?.getTime() ?? null, some: single }, managed: managed?.getTime() ?? null },
    ]),
  );
}
