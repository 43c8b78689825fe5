/** Apps that devices have, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, sql } from '../../db/transaction.ts';
import { inOrder } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';

/** An app on a device. */
export interface InstalledAppRow {
  bundleId: string;
  appId: bigint | null;
  name: string | null;
  version: string | null;
  shortVersion: string | null;
  externalVersionId: string | null;
  hasUpdate: boolean | null;
  deviceLicense: boolean | null;
  installing: boolean;
  managedStatus: string | null;
  changedAt: Date;
  /** When the device told its whole list last. */
  listedAt: Date | null;
}

/** Which part of a device's list, in the order of bundle ids. */
export interface BundleWindow {
  after: string | null;
  before: string | null;
  limit: number;
  fromEnd: boolean;
}

/** Where an app is from, as far as its list says. */
export type AppSource = 'STORE' | 'ELSEWHERE' | 'UNKNOWN';

/** "0" is how devices number what is not from the store (MDM sheet §1.5). */
export const sourceOf = ({ externalVersionId }: InstalledAppRow): AppSource =>
  externalVersionId === null ? 'UNKNOWN' : externalVersionId === '0' ? 'ELSEWHERE' : 'STORE';

const managedStates = ['Managed', 'Updating', 'ValidatingUpdate', 'PromptingForUpdate', 'PromptingForUpdateLogin'];

/** Whether it is managed (MDM sheet §1.4). */
export const isManaged = ({ managedStatus }: InstalledAppRow): boolean =>
  managedStatus !== null && managedStates.includes(managedStatus);

/** The same page of the apps of each device in one statement. */
export async function listInstalledOf(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
  { after, before, limit, fromEnd }: BundleWindow,
): Promise<Map<bigint, InstalledAppRow[]>> {
  const rows = await reader.rows<InstalledAppRow & Owned>(sql`
    SELECT o.id AS "ownerId", i.bundle_id AS "bundleId", i.app_id AS "appId", i.name, i.version, i.short_version AS "shortVersion",
      i.external_version_id AS "externalVersionId", i.has_update AS "hasUpdate", i.device_license AS "deviceLicense", i.installing,
      i.managed_status AS "managedStatus", i.changed_at AS "changedAt", e.listed_at AS "listedAt"
    FROM unnest(${ids(deviceIds)}) o(id) LEFT JOIN LATERAL (
      SELECT max(n.listed_at) AS listed_at FROM enrollment n WHERE n.organization_id = ${organizationId} AND n.device_id = o.id
    ) e ON true CROSS JOIN LATERAL (
      SELECT n.* FROM installed_app n WHERE n.organization_id = ${organizationId} AND n.device_id = o.id
        ${after === null ? nothing : sql`AND n.bundle_id > ${after}`} ${before === null ? nothing : sql`AND n.bundle_id < ${before}`}
      ORDER BY n.bundle_id ${fromEnd ? sql`DESC` : sql`ASC`} LIMIT ${limit}
    ) i ORDER BY o.id, i.bundle_id ${fromEnd ? sql`DESC` : sql`ASC`}`);
  return byOwner(inOrder(rows, { fromEnd }));
}

/** How many apps each device has. */
export async function countInstalledOf(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT device_id AS "ownerId", count(*) AS count FROM installed_app
    WHERE organization_id = ${organizationId} AND device_id = ANY (${ids(deviceIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}
