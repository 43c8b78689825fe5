import { z } from 'zod';
import { json, moment, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DeviceHoldsLicensesError, InvalidInputError, RemovalNotConfirmedError } from '../errors.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { normalizeSerial } from '../license/world.ts';
import { parseInput } from '../parse.ts';
import { lockDeviceList } from './lock-list.ts';

/** Most devices in one mutation. */
const maxDevices = 10_000;

const text = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .transform((value) => (value === '' ? null : value))
    .nullish();

const deviceSchema = z.object({
  // Apple would take any text for a serial number, and a seat with it.
  serialNumber: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(64)
    .regex(/^[A-Za-z0-9-]*$/, 'may have letters, digits and hyphens only'),
  name: text(200),
  family: z.enum(['IPAD', 'IPHONE', 'IPOD', 'MAC', 'APPLE_TV', 'VISION', 'UNKNOWN']).nullish(),
  model: text(100),
  osVersion: z
    .string()
    .trim()
    .max(40)
    .regex(/^\d+(\.\d+)*/, 'is not a version, e.g. 17.4.1')
    .nullish(),
  supervised: z.boolean().nullish(),
});

const inputSchema = z.object({
  devices: z.array(deviceSchema).max(maxDevices),
  replaceAll: z.boolean().nullish(),
  confirmRemovals: z.number().int().min(0).nullish(),
});

/** Input of {@link upsertDevices}. */
export type UpsertDevicesInput = z.input<typeof inputSchema>;

/** What an upsert did. */
export interface UpsertedDevices {
  created: number;
  updated: number;
  unchanged: number;
  removed: number;
  deviceIds: bigint[];
  /** Devices of which something that was given was not taken, for their MDM server tells it (MANAGED_BY_MDM). */
  managedByMdm: bigint[];
}

/**
 * Adds devices and brings known ones up to date, by serial number. An absent field is kept, null clears it.
 * `replaceAll` also removes listed devices that are not named: only when `confirmRemovals` is their exact number.
 * Throws INVALID_INPUT, REMOVAL_NOT_CONFIRMED, DEVICE_HOLDS_LICENSES; nothing is changed then.
 */
export async function upsertDevices(context: Context, rawInput: UpsertDevicesInput): Promise<UpsertedDevices> {
  requireRight(context, 'devices:write');
  const input = parseInput(inputSchema, rawInput);
  const devices = input.devices.map((device) => ({
    ...device,
    serialOriginal: device.serialNumber,
    serialNumber: normalizeSerial(device.serialNumber),
  }));
  refuseRepeats(devices.map((device) => device.serialNumber));
  return transaction(context, async (tx) => {
    await lockDeviceList(context, tx);
    const written = await write(context, tx, devices);
    const removed = input.replaceAll
      ? await removeOthers(
          context,
          tx,
          devices.map((device) => device.serialNumber),
          input.confirmRemovals ?? null,
        )
      : 0;
    // A device may have moved into another rule group, and so may have left one that was full.
    if (written.updated > 0) await wakeQueues(tx, context.actor.organizationId, sql`true`);
    await ringQueues(tx, context.actor.organizationId, context.clock.now());
    const result = { ...written, removed };
    await recordAudit(context, tx, {
      action: 'device.upsert',
      data: { created: written.created, updated: written.updated, removed },
    });
    return result;
  });
}

function refuseRepeats(serials: readonly string[]): void {
  const seen = new Set<string>();
  serials.forEach((serial, index) => {
    if (seen.has(serial))
      throw new InvalidInputError([
        { path: ['devices', String(index), 'serialNumber'], message: `${serial} is named twice` },
      ]);
    seen.add(serial);
  });
}

async function write(
  context: Context,
  tx: Tx,
  devices: readonly { serialNumber: string }[],
): Promise<Omit<UpsertedDevices, 'removed'>> {
  const organizationId = context.actor.organizationId;
  const now = moment(context.clock.now());
  // What an MDM server tells of a device wins over the list while it is enrolled.
  const open = (field: string) => sql`(i.item ? ${field} AND NOT ${field} = ANY (coalesce(d.mdm_told, '{}')))`;
  const given = (field: string, column: string) =>
    sql`CASE WHEN ${open(field)} THEN i.item ->> ${field} ELSE d.${fields[column]!} END`;
  const rows = await tx.$queryRaw<{ id: bigint; created: boolean; updated: boolean; managed: boolean }[]>(sql`
    WITH incoming AS (
      SELECT i.item, i.item ->> 'serialNumber' AS serial FROM jsonb_array_elements(${json(devices)}) AS i(item)
    ), known AS (
      SELECT i.serial, i.item ->> 'serialOriginal' AS original, d.id, d.removed_at IS NOT NULL OR d.origin = 'LICENSE' AS hidden,
        ${given('name', 'name')} AS name, ${given('model', 'model')} AS model, ${given('osVersion', 'osVersion')} AS os_version,
        CASE WHEN ${open('supervised')} THEN (i.item ->> 'supervised')::boolean ELSE d.supervised END AS supervised,
        CASE WHEN ${open('family')} THEN coalesce(i.item ->> 'family', 'UNKNOWN') ELSE coalesce(d.family::text, 'UNKNOWN') END AS family,
        EXISTS (SELECT 1 FROM unnest(d.mdm_told) AS t(field) WHERE i.item ? t.field AND i.item -> t.field IS DISTINCT FROM
          jsonb_build_object('name', d.name, 'model', d.model, 'osVersion', d.os_version, 'supervised', d.supervised, 'family', d.family) -> t.field) AS managed
      FROM incoming i LEFT JOIN device d ON d.organization_id = ${organizationId} AND d.serial_number = i.serial
    ), changed AS (
      INSERT INTO device AS d (organization_id, serial_number, serial_original, name, family, model, os_version, supervised, origin, created_at, updated_at)
      SELECT ${organizationId}, serial, original, name, family::"DeviceFamily", model, os_version, supervised, 'LIST', ${now}, ${now} FROM known ORDER BY serial
      ON CONFLICT (organization_id, serial_number) DO UPDATE SET name = excluded.name, family = excluded.family, model = excluded.model,
        os_version = excluded.os_version, supervised = excluded.supervised, origin = 'LIST', removed_at = NULL, updated_at = excluded.updated_at
      WHERE (d.name, d.family, d.model, d.os_version, d.supervised, d.origin) IS DISTINCT FROM
        (excluded.name, excluded.family, excluded.model, excluded.os_version, excluded.supervised, 'LIST'::"DeviceOrigin") OR d.removed_at IS NOT NULL
      RETURNING d.id, d.serial_number
    )
    SELECT coalesce(c.id, k.id) AS id, k.id IS NULL AS created, k.id IS NOT NULL AND c.id IS NOT NULL AS updated, k.managed
    FROM known k LEFT JOIN changed c ON c.serial_number = k.serial ORDER BY 1`);
  const created = rows.filter((row) => row.created).length;
  const updated = rows.filter((row) => row.updated).length;
  const managedByMdm = rows.filter((row) => row.managed).map((row) => row.id);
  return {
    created,
    updated,
    unchanged: rows.length - created - updated,
    deviceIds: rows.map((row) => row.id),
    managedByMdm,
  };
}

const fields: Record<string, ReturnType<typeof sql>> = {
  name: sql`name`,
  model: sql`model`,
  osVersion: sql`os_version`,
};

async function removeOthers(
  context: Context,
  tx: Tx,
  serials: readonly string[],
  confirmed: number | null,
): Promise<number> {
  const organizationId = context.actor.organizationId;
  const others = sql`d.organization_id = ${organizationId} AND d.removed_at IS NULL AND d.origin = 'LIST' AND d.serial_number <> ALL (${texts(serials)})`;
  const preview = await tx.$queryRaw<{ serial: string; count: number }[]>(sql`
    SELECT d.serial_number AS serial, count(*) OVER ()::int AS count FROM device d WHERE ${others} ORDER BY d.serial_number LIMIT 100`);
  const count = preview[0]?.count ?? 0;
  if (count > 0 && confirmed !== count)
    throw new RemovalNotConfirmedError(
      count,
      preview.map((row) => row.serial),
    );
  // From here to the commit nobody gives them a license.
  await tx.$queryRaw(sql`SELECT 1 FROM device d WHERE ${others} ORDER BY d.serial_number FOR UPDATE`);
  const [holders] = await tx.$queryRaw<{ licenses: bigint; serials: string[] | null }[]>(sql`
    SELECT count(*) AS licenses, (array_agg(DISTINCT d.serial_number))[1:100] AS serials FROM device d
    JOIN license l ON l.organization_id = d.organization_id AND l.device_id = d.id AND l.ended_at IS NULL WHERE ${others}`);
  if (holders!.licenses > 0n) throw new DeviceHoldsLicensesError(holders!.licenses, holders!.serials ?? []);
  await wakeQueues(tx, organizationId, sql`w.device_id IN (SELECT d.id FROM device d WHERE ${others})`);
  return tx.$executeRaw(sql`UPDATE device d SET removed_at = ${moment(context.clock.now())} WHERE ${others}`);
}
