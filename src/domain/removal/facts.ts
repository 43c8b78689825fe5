/** Reads what decides whether an app can be removed from a device. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { AppOperationKind } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import type { Family } from '../device/eligibility.ts';
import type { Pair } from '../install/facts.ts';

/** What is known of a pair. */
export interface RemovalFacts extends Pair {
  app: string;
  serialNumber: string;
  family: Family;
  osVersion: string | null;
  supervised: boolean | null;
  enrolled: boolean;
  /** The device has told which apps it has. */
  listed: boolean;
  installed: boolean;
  /** The device was asked for its managed apps since the app is as it is, and did not name it; or said that it is the user's. */
  unmanaged: boolean;
  /** What is being done with the app there. */
  open: AppOperationKind | null;
}

/** Reads them, in the order of the pairs. Pairs of devices or apps that are not there are left out. */
export async function readRemovalFacts(context: Context, tx: Tx, pairs: readonly Pair[]): Promise<RemovalFacts[]> {
  if (pairs.length === 0) return [];
  const { organizationId } = context.actor;
  return tx.$queryRaw<RemovalFacts[]>(sql`
    SELECT k.device_id AS "deviceId", k.app_id AS "appId", coalesce(a.name, a.adam_id) AS app, d.serial_number AS "serialNumber",
      d.family::text AS family, d.os_version AS "osVersion", d.supervised, e.id IS NOT NULL AS enrolled, e.listed_at IS NOT NULL AS listed,
      i.bundle_id IS NOT NULL AS installed,
      i.bundle_id IS NOT NULL AND (i.managed_status = 'UserInstalledApp' OR (i.managed_status IS NULL AND EXISTS (
        SELECT 1 FROM device_command c WHERE c.organization_id = ${organizationId} AND c.device_id = k.device_id AND c.enrollment_id = e.id
          AND c.kind = 'LIST_MANAGED_APPS' AND c.state = 'ACKNOWLEDGED' AND c.request ->> 'bundleIds' IS NULL AND c.created_at > i.changed_at
      ))) AS unmanaged,
      (SELECT o.kind::text FROM app_operation o WHERE o.organization_id = ${organizationId} AND o.device_id = k.device_id
        AND o.app_id = k.app_id AND o.ended_at IS NULL) AS open
    FROM unnest(${ids(pairs.map((pair) => pair.deviceId))}, ${ids(pairs.map((pair) => pair.appId))}) WITH ORDINALITY AS k(device_id, app_id, place)
    JOIN device d ON d.organization_id = ${organizationId} AND d.id = k.device_id AND d.removed_at IS NULL
    JOIN app a ON a.organization_id = ${organizationId} AND a.id = k.app_id
    LEFT JOIN enrollment e ON e.organization_id = ${organizationId} AND e.device_id = k.device_id AND e.state <> 'GONE' AND e.type = 'DEVICE'
    LEFT JOIN LATERAL (
      SELECT bundle_id, managed_status, changed_at FROM installed_app i
      WHERE i.organization_id = ${organizationId} AND i.device_id = k.device_id AND (i.app_id = k.app_id OR i.bundle_id = a.bundle_id)
      ORDER BY i.managed_status IS NULL, i.bundle_id LIMIT 1
    ) i ON true
    ORDER BY k.place`);
}
