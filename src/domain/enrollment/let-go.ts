/** Devices that no MDM server tells of any more. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';

/** Those of these devices that have no enrollment any more. */
const left = (organizationId: bigint, deviceIds: readonly bigint[]): Sql => sql`
  SELECT x.id FROM unnest(${ids(deviceIds)}) AS x(id) WHERE NOT EXISTS (
    SELECT 1 FROM enrollment e WHERE e.organization_id = ${organizationId} AND e.device_id = x.id AND e.state <> 'GONE')`;

/** The list may say again what they are. The device list is locked. */
export async function openToList(tx: Tx, organizationId: bigint, deviceIds: readonly bigint[]): Promise<void> {
  if (deviceIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE device d SET mdm_told = '{}' FROM (
      SELECT k.id FROM device k WHERE k.organization_id = ${organizationId} AND k.id IN (${left(organizationId, deviceIds)}) AND k.mdm_told <> '{}'
      ORDER BY k.serial_number FOR NO KEY UPDATE
    ) o WHERE d.organization_id = ${organizationId} AND d.id = o.id`);
}

/** Nothing is known of what is on a device that left; the list may say again what it is. The device list is locked. */
export async function letGo(tx: Tx, organizationId: bigint, deviceIds: readonly bigint[]): Promise<void> {
  if (deviceIds.length === 0) return;
  await openToList(tx, organizationId, deviceIds);
  await tx.$executeRaw(sql`
    DELETE FROM installed_app i USING (
      SELECT k.device_id, k.bundle_id FROM installed_app k
      WHERE k.organization_id = ${organizationId} AND k.device_id IN (${left(organizationId, deviceIds)})
      ORDER BY k.device_id, k.bundle_id FOR UPDATE
    ) o WHERE i.organization_id = ${organizationId} AND i.device_id = o.device_id AND i.bundle_id = o.bundle_id`);
}

/** Of these enrollments, what was told of apps before their goodbye is known no more; what was told since stays. */
export async function forgetApps(tx: Tx, organizationId: bigint, enrollmentIds: readonly bigint[]): Promise<void> {
  if (enrollmentIds.length === 0) return;
  await tx.$executeRaw(sql`
    DELETE FROM installed_app i USING (
      SELECT k.device_id, k.bundle_id FROM enrollment e JOIN installed_app k ON k.organization_id = e.organization_id AND k.device_id = e.device_id
      WHERE e.organization_id = ${organizationId} AND e.id = ANY (${ids(enrollmentIds)}) AND (e.listed_at IS NULL OR e.listed_at <= e.checked_out_at)
        AND coalesce((e.some_listed_at ->> k.bundle_id)::float8, 0) <= extract(epoch FROM e.checked_out_at) * 1000
      ORDER BY k.device_id, k.bundle_id FOR UPDATE OF k
    ) o WHERE i.organization_id = ${organizationId} AND i.device_id = o.device_id AND i.bundle_id = o.bundle_id`);
}
