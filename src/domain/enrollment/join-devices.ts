/** Ties enrollments to devices by their serial numbers, and gives the devices what the MDM server tells of them. @module */
import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { ConnectionClaim } from '../command/claim.ts';
import type { Context } from '../context.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { normalizeSerial } from '../license/world.ts';
import { familyOf } from './family.ts';
import { aliveAt } from './fold.ts';
import { letGo } from './let-go.ts';
import type { Merged } from './merged.ts';

/**
 * Joins those that say a serial number, and sets `deviceId` of the rows given. A device has one enrollment: the one that
 * was alive last. What is told wins over the list until the enrollment is gone. Gives the enrollments that gave way.
 */
export async function joinDevices(
  context: Context,
  tx: Tx,
  claim: ConnectionClaim,
  merged: Merged[],
): Promise<bigint[]> {
  const told = merged.filter(
    (one) => one.tells && one.state !== 'GONE' && one.known.type === 'DEVICE' && one.known.facts.serialNumber,
  );
  const newest = new Map<string, Merged>();
  for (const one of [...told].sort((a, b) => (aliveAt(a.known) ?? 0) - (aliveAt(b.known) ?? 0)))
    newest.set(normalizeSerial(one.known.facts.serialNumber!), one);
  const { joined, gaveWay } = await join(context, tx, claim, newest);
  for (const one of merged) one.deviceId = joined.get(one.id) ?? one.deviceId;
  await letGo(
    tx,
    claim.organizationId,
    merged.filter((one) => one.state === 'GONE').flatMap((one) => one.deviceId ?? []),
  );
  return gaveWay;
}

async function join(
  context: Context,
  tx: Tx,
  { organizationId }: ConnectionClaim,
  newest: ReadonlyMap<string, Merged>,
): Promise<{ joined: Map<bigint, bigint>; gaveWay: bigint[] }> {
  if (newest.size === 0) return { joined: new Map(), gaveWay: [] };
  const now = moment(context.clock.now());
  const items = [...newest].map(([serial, { id, known, lostAt, before }]) => ({
    serial,
    original: known.facts.serialNumber!,
    enrollment: id,
    alive: new Date(aliveAt(known) ?? 0).toISOString(),
    // A device that was taken off the list comes back when it enrolls, not when it only answers.
    returns: before !== 'ENROLLED' || lostAt !== null,
    name: known.facts.name ?? null,
    model: known.facts.productName ?? null,
    osVersion: known.facts.osVersion ?? null,
    supervised: known.facts.supervised ?? null,
    family: familyOf(known.facts),
  }));
  const given = sql`jsonb_to_recordset(${json(items)}) AS g(serial text, original text, enrollment bigint, alive timestamptz, returns boolean,
    name text, model text, "osVersion" text, supervised boolean, family text)`;
  const changed = await tx.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO device AS d (organization_id, serial_number, serial_original, name, family, model, os_version, supervised, origin, mdm_told, created_at, updated_at)
    SELECT ${organizationId}, n.serial, n.original, n.name, coalesce(n.family, 'UNKNOWN')::"DeviceFamily", n.model, n.os, n.supervised, 'MDM', n.told, ${now}, ${now}
    FROM (
      SELECT g.serial, g.original, coalesce(g.name, k.name) AS name, coalesce(g.family, k.family::text) AS family, coalesce(g.model, k.model) AS model,
        coalesce(g."osVersion", k.os_version) AS os, coalesce(g.supervised, k.supervised) AS supervised,
        CASE WHEN k.removed_at IS NOT NULL AND g.returns THEN NULL ELSE k.removed_at END AS removed,
        ARRAY(SELECT DISTINCT c FROM unnest(k.mdm_told || array_remove(ARRAY[CASE WHEN g.name IS NOT NULL THEN 'name' END,
          CASE WHEN g.family IS NOT NULL THEN 'family' END, CASE WHEN g.model IS NOT NULL THEN 'model' END,
          CASE WHEN g."osVersion" IS NOT NULL THEN 'osVersion' END, CASE WHEN g.supervised IS NOT NULL THEN 'supervised' END], NULL)) AS t(c) ORDER BY c) AS told,
        k.id, g.returns
      FROM ${given} LEFT JOIN device k ON k.organization_id = ${organizationId} AND k.serial_number = g.serial
      WHERE k.id IS NULL OR (k.removed_at IS NOT NULL AND g.returns) OR k.origin = 'LICENSE'
        OR (g.name IS NOT NULL AND (g.name IS DISTINCT FROM k.name OR NOT 'name' = ANY (k.mdm_told)))
        OR (g.family IS NOT NULL AND (g.family IS DISTINCT FROM k.family::text OR NOT 'family' = ANY (k.mdm_told)))
        OR (g.model IS NOT NULL AND (g.model IS DISTINCT FROM k.model OR NOT 'model' = ANY (k.mdm_told)))
        OR (g."osVersion" IS NOT NULL AND (g."osVersion" IS DISTINCT FROM k.os_version OR NOT 'osVersion' = ANY (k.mdm_told)))
        OR (g.supervised IS NOT NULL AND (g.supervised IS DISTINCT FROM k.supervised OR NOT 'supervised' = ANY (k.mdm_told)))
    ) n ORDER BY n.serial
    ON CONFLICT (organization_id, serial_number) DO UPDATE SET name = excluded.name, family = excluded.family, model = excluded.model,
      os_version = excluded.os_version, supervised = excluded.supervised, mdm_told = excluded.mdm_told, updated_at = excluded.updated_at,
      origin = CASE WHEN d.origin = 'LICENSE' THEN 'MDM' ELSE d.origin END,
      removed_at = CASE WHEN d.removed_at IS NOT NULL AND excluded.serial_number = ANY (${items.filter((item) => item.returns).map((item) => item.serial)}::text[]) THEN NULL ELSE d.removed_at END
    RETURNING d.id`);
  // A device may have moved into another rule group.
  if (changed.length > 0) {
    await wakeQueues(tx, organizationId, sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
  }
  // Another enrollment of the same device gives way to the newer one. One statement after the other: the index that
  // allows one only is looked at row by row.
  const gaveWay = await tx.$queryRaw<{ id: bigint }[]>(sql`
    UPDATE enrollment e SET state = 'GONE', gone_at = ${now}, information_due_at = NULL, list_due_at = NULL,
      checked_out_at = greatest(e.checked_out_at, e.authenticated_at, e.reachable_at, e.last_seen_at)
    FROM ${given} JOIN device d ON d.organization_id = ${organizationId} AND d.serial_number = g.serial
    WHERE e.organization_id = ${organizationId} AND e.device_id = d.id AND e.id <> g.enrollment AND e.state <> 'GONE'
      AND coalesce(greatest(e.authenticated_at, e.reachable_at, e.last_seen_at), '-infinity') <= g.alive
    RETURNING e.id`);
  if (gaveWay.length > 0)
    context.logger.info({ enrollments: gaveWay.length }, 'enrollments gave way to newer ones of the same device');
  const rows = await tx.$queryRaw<{ id: bigint; deviceId: bigint }[]>(sql`
    UPDATE enrollment e SET device_id = d.id FROM ${given} JOIN device d ON d.organization_id = ${organizationId} AND d.serial_number = g.serial
    WHERE e.organization_id = ${organizationId} AND e.id = g.enrollment AND e.device_id IS DISTINCT FROM d.id
      AND NOT EXISTS (SELECT 1 FROM enrollment o WHERE o.organization_id = e.organization_id AND o.device_id = d.id AND o.state <> 'GONE')
    RETURNING e.id, e.device_id AS "deviceId"`);
  return { joined: new Map(rows.map((row) => [row.id, row.deviceId])), gaveWay: gaveWay.map((row) => row.id) };
}
