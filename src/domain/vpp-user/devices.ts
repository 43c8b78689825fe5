/** Whose device a device is: of whom somebody said so; otherwise of the person whose account it tells of. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, type Sql, sql } from '../../db/transaction.ts';
import { type DeviceRow, deviceShape } from '../device/row.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';

/**
 * The devices of people, as rows `device_id`, `vpp_user_id`. An account may be linked in several libraries: then the device
 * is of each of these people. `people` is an array of their ids.
 */
export function devicesOfPeople(organizationId: bigint, people: Sql): Sql {
  return sql`
    SELECT d.id AS device_id, d.vpp_user_id FROM device d
    WHERE d.organization_id = ${organizationId} AND d.vpp_user_id = ANY (${people}) AND d.removed_at IS NULL
    UNION ALL
    SELECT d.id, u.id FROM vpp_user u
    JOIN enrollment e ON e.organization_id = u.organization_id AND e.store_account_hash = u.id_hash AND e.state <> 'GONE'
    JOIN device d ON d.organization_id = e.organization_id AND d.id = e.device_id AND d.vpp_user_id IS NULL AND d.removed_at IS NULL
    WHERE u.organization_id = ${organizationId} AND u.id = ANY (${people}) AND u.status = 'ASSOCIATED'`;
}

/** The same page of the devices of each person, in one statement. */
export async function listDevicesOfPeople(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, DeviceRow[]>> {
  const rows = await reader.rows<DeviceRow & Owned>(sql`
    SELECT ${deviceShape.columns}, o.id AS "ownerId" FROM unnest(${ids(userIds)}) o(id) CROSS JOIN LATERAL (
      SELECT d.* FROM device d WHERE d.organization_id = ${organizationId}
        AND d.id IN (SELECT p.device_id FROM (${devicesOfPeople(organizationId, sql`ARRAY[o.id]`)}) p)
        ${idWindow(window, sql`d.id`)} ${idOrder(window, sql`d.id`)}
    ) d ORDER BY d.id`);
  return byOwner(rows);
}

/** How many devices each person has. */
export async function countDevicesOfPeople(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT p.vpp_user_id AS "ownerId", count(*) AS count FROM (${devicesOfPeople(organizationId, sql`${ids(userIds)}`)}) p GROUP BY 1`);
  return countsByOwner(rows);
}

/** The person of each of these devices, by device. Of several with the same account it is the one who was met first. */
export async function readOwners(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<{ deviceId: bigint; userId: bigint }>(sql`
    SELECT d.id AS "deviceId", coalesce(d.vpp_user_id, (
      SELECT u.id FROM enrollment e JOIN vpp_user u ON u.organization_id = e.organization_id AND u.id_hash = e.store_account_hash AND u.status = 'ASSOCIATED'
      WHERE e.organization_id = d.organization_id AND e.device_id = d.id AND e.state <> 'GONE' ORDER BY u.id LIMIT 1)) AS "userId"
    FROM device d WHERE d.organization_id = ${organizationId} AND d.id = ANY (${ids(deviceIds)})`);
  return new Map(rows.flatMap(({ deviceId, userId }) => (userId === null ? [] : [[deviceId, userId]])));
}
