/** Device groups as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, json, sql } from '../../db/transaction.ts';
import type { AppStatus } from '../../generated/prisma/enums.ts';
import { type DeviceRow, deviceShape } from '../device/row.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import { asRuled, type DeviceRule, inGroup, isListed } from './rule.ts';

/** One group. */
export interface DeviceGroupRow {
  id: bigint;
  name: string;
  kind: 'STATIC' | 'RULE';
  rule: DeviceRule | null;
  /** Its devices may also get apps that stand here. */
  appStatuses: AppStatus[];
  createdAt: Date;
  updatedAt: Date;
}

const groupShape = shape<DeviceGroupRow>({
  fields: {
    id: 'g.id',
    name: 'g.name',
    kind: 'g.kind',
    rule: 'g.rule',
    appStatuses: 'to_json(g.app_statuses)',
    createdAt: 'g.created_at',
    updatedAt: 'g.updated_at',
  },
  bigints: ['id'],
  moments: ['createdAt', 'updatedAt'],
});

/** The groups with these ids, in no order. */
export function readGroups(
  reader: Rows,
  organizationId: bigint,
  groupIds: readonly bigint[],
): Promise<DeviceGroupRow[]> {
  return reader.rows<DeviceGroupRow>(sql`
    SELECT ${groupShape.columns} FROM device_group g WHERE g.organization_id = ${organizationId} AND g.id = ANY (${ids(groupIds)})`);
}

/** A page of the groups, oldest first. */
export async function listGroups(reader: Rows, organizationId: bigint, window: IdWindow): Promise<DeviceGroupRow[]> {
  const rows = await reader.rows<DeviceGroupRow>(sql`
    SELECT ${groupShape.columns} FROM device_group g WHERE g.organization_id = ${organizationId} ${idWindow(window, sql`g.id`)} ${idOrder(window, sql`g.id`)}`);
  return inOrder(rows, window);
}

/** How many groups there are. */
export async function countGroups(reader: Rows, organizationId: bigint): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM device_group g WHERE g.organization_id = ${organizationId}`,
  );
  return row!.count;
}

/** The groups that each device is in, by name. */
export function readGroupsOfDevices(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<(DeviceGroupRow & { deviceId: bigint })[]> {
  return reader.rows(sql`
    SELECT ${groupShape.columns}, d.id AS "deviceId" FROM device d JOIN device_group g ON g.organization_id = d.organization_id
    WHERE d.organization_id = ${organizationId} AND d.id = ANY (${ids(deviceIds)}) AND ${isListed} AND ${inGroup} ORDER BY g.name`);
}

/** The same page of the devices of each group, in one statement. */
export async function listDevicesOfGroups(
  reader: Rows,
  organizationId: bigint,
  groupIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, DeviceRow[]>> {
  const rows = await reader.rows<DeviceRow & Owned>(sql`
    SELECT ${deviceShape.columns}, g.id AS "ownerId" FROM device_group g CROSS JOIN LATERAL (
      SELECT d.* FROM device d WHERE d.organization_id = g.organization_id AND ${isListed} AND ${inGroup}
        ${idWindow(window, sql`d.id`)} ${idOrder(window, sql`d.id`)}
    ) d WHERE g.organization_id = ${organizationId} AND g.id = ANY (${ids(groupIds)}) ORDER BY d.id`);
  return byOwner(rows);
}

/** How many devices each group has. */
export async function countDevicesOfGroups(
  reader: Rows,
  organizationId: bigint,
  groupIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT g.id AS "ownerId", (SELECT count(*) FROM device d WHERE d.organization_id = g.organization_id AND ${isListed} AND ${inGroup}) AS count
    FROM device_group g WHERE g.organization_id = ${organizationId} AND g.id = ANY (${ids(groupIds)})`);
  return countsByOwner(rows);
}

/** A page of the devices that a rule would hold for. */
export async function listDevicesAsRuled(
  reader: Rows,
  organizationId: bigint,
  rule: DeviceRule,
  window: IdWindow,
): Promise<DeviceRow[]> {
  const rows = await reader.rows<DeviceRow>(sql`
    SELECT ${deviceShape.columns} FROM (SELECT ${json(rule)} AS rule) r, device d
    WHERE d.organization_id = ${organizationId} AND ${isListed} AND ${asRuled} ${idWindow(window, sql`d.id`)} ${idOrder(window, sql`d.id`)}`);
  return inOrder(rows, window);
}

/** How many devices a rule would hold for. */
export async function countDevicesAsRuled(reader: Rows, organizationId: bigint, rule: DeviceRule): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(sql`
    SELECT count(*) AS count FROM (SELECT ${json(rule)} AS rule) r, device d
    WHERE d.organization_id = ${organizationId} AND ${isListed} AND ${asRuled}`);
  return row!.count;
}
