/** A device as it is read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import type { DeviceFamily, DeviceOrigin } from '../../generated/prisma/enums.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';

/** One device. */
export interface DeviceRow {
  id: bigint;
  serialNumber: string;
  serialOriginal: string;
  name: string | null;
  family: DeviceFamily;
  model: string | null;
  osVersion: string | null;
  /** Null while nobody has said so. */
  supervised: boolean | null;
  origin: DeviceOrigin;
  createdAt: Date;
  updatedAt: Date;
  removedAt: Date | null;
}

/** Reads table `d`. */
export const deviceShape = shape<DeviceRow>({
  fields: {
    id: 'd.id',
    serialNumber: 'd.serial_number',
    serialOriginal: 'd.serial_original',
    name: 'd.name',
    family: 'd.family',
    model: 'd.model',
    osVersion: 'd.os_version',
    supervised: 'd.supervised',
    origin: 'd.origin',
    createdAt: 'd.created_at',
    updatedAt: 'd.updated_at',
    removedAt: 'd.removed_at',
  },
  bigints: ['id'],
  moments: ['createdAt', 'updatedAt', 'removedAt'],
});

/** Which devices. */
export interface DeviceFilter {
  organizationId: bigint;
  /** Part of the serial number or name, whatever the case. */
  search: string | null;
  families: readonly string[] | null;
  origins: readonly string[];
  removed: boolean;
  /** Whether the MDM server reaches them now; all when null. */
  enrolled: boolean | null;
}

/** The devices with these ids, in no order. */
export function readDevices(reader: Rows, organizationId: bigint, deviceIds: readonly bigint[]): Promise<DeviceRow[]> {
  return reader.rows<DeviceRow>(sql`
    SELECT ${deviceShape.columns} FROM device d WHERE d.organization_id = ${organizationId} AND d.id = ANY (${ids(deviceIds)})`);
}

/** The device with a serial number, trimmed and in capitals; null when the organization has none such. */
export async function findDevice(
  reader: Rows,
  organizationId: bigint,
  serialNumber: string,
): Promise<DeviceRow | null> {
  const [row] = await reader.rows<DeviceRow>(sql`
    SELECT ${deviceShape.columns} FROM device d WHERE d.organization_id = ${organizationId} AND d.serial_number = ${serialNumber}`);
  return row ?? null;
}

/** A page of devices, in the order in which they were met. */
export async function listDevices(reader: Rows, filter: DeviceFilter, window: IdWindow): Promise<DeviceRow[]> {
  const rows = await reader.rows<DeviceRow>(sql`
    SELECT ${deviceShape.columns} FROM device d WHERE ${matches(filter)} ${idWindow(window, sql`d.id`)} ${idOrder(window, sql`d.id`)}`);
  return inOrder(rows, window);
}

/** How many devices there are. */
export async function countDevices(reader: Rows, filter: DeviceFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM device d WHERE ${matches(filter)}`,
  );
  return row!.count;
}

/** Without the devices that only a license names, the list is a small part of the table and has an index of its own. */
function matches({ organizationId, search, families, origins, removed, enrolled }: DeviceFilter): Sql {
  const pattern = search === null ? '' : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
  return sql`d.organization_id = ${organizationId} AND d.removed_at IS ${removed ? sql`NOT NULL` : sql`NULL`}
    ${origins.includes('LICENSE') ? nothing : sql`AND d.origin <> 'LICENSE'`} AND d.origin = ANY (${texts(origins)}::"DeviceOrigin"[])
    ${families === null ? nothing : sql`AND d.family = ANY (${texts(families)}::"DeviceFamily"[])`}
    ${search === null ? nothing : sql`AND (d.serial_number LIKE ${pattern.toUpperCase()} OR d.name ILIKE ${pattern})`}
    ${
      enrolled === null
        ? nothing
        : sql`AND ${enrolled ? sql`EXISTS` : sql`NOT EXISTS`} (
      SELECT 1 FROM enrollment e WHERE e.organization_id = d.organization_id AND e.device_id = d.id AND e.state = 'ENROLLED')`
    }`;
}
