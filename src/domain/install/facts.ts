/** Reads what decides whether an app can be installed on a device. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { AppOperationKind, AppStatus, LicenseState } from '../../generated/prisma/enums.ts';
import { readTrials, trialKey } from '../app/gate.ts';
import type { Context } from '../context.ts';
import type { Family } from '../device/eligibility.ts';

/** One app on one device. */
export interface Pair {
  deviceId: bigint;
  appId: bigint;
}

/** How a pair is named in sets. */
export const pairKey = ({ appId, deviceId }: Pair): string => `${appId}:${deviceId}`;

/** What is known of a pair. */
export interface PairFacts extends Pair {
  serialNumber: string;
  family: Family;
  app: string;
  status: AppStatus;
  platforms: string[];
  /** The organization has an MDM server. */
  connected: boolean;
  enrolled: boolean;
  /** The app is there, managed and not just loading. */
  installed: boolean;
  /** What is being done with the app there. */
  open: AppOperationKind | null;
  /** The license that the device holds or gets. */
  licenseId: bigint | null;
  licenseState: LicenseState | null;
  /** It is being taken back. */
  revoking: boolean;
  /** The task that asked for it. */
  licenseTaskId: bigint | null;
  /** The task for which the device waits for one. */
  waitsIn: bigint | null;
  /** The app is released, or the device is in a group that may try it. */
  admitted: boolean;
}

/** Reads them, in the order of the pairs. Pairs of devices or apps that are not there are left out. */
export async function readPairs(context: Context, tx: Tx, pairs: readonly Pair[]): Promise<PairFacts[]> {
  if (pairs.length === 0) return [];
  const { organizationId } = context.actor;
  const rows = await tx.$queryRaw<Omit<PairFacts, 'admitted'>[]>(sql`
    SELECT k.device_id AS "deviceId", k.app_id AS "appId", d.serial_number AS "serialNumber", d.family::text AS family,
      coalesce(a.name, a.adam_id) AS app, a.status::text AS status, a.platforms,
      EXISTS (SELECT 1 FROM mdm_connection m WHERE m.organization_id = ${organizationId} AND m.removed_at IS NULL) AS connected,
      EXISTS (SELECT 1 FROM enrollment e WHERE e.organization_id = ${organizationId} AND e.device_id = k.device_id
        AND e.state = 'ENROLLED' AND e.type = 'DEVICE') AS enrolled,
      EXISTS (SELECT 1 FROM installed_app i WHERE i.organization_id = ${organizationId} AND i.device_id = k.device_id AND (i.app_id = k.app_id OR i.bundle_id = a.bundle_id)
        AND NOT i.installing AND coalesce(i.managed_status = 'Managed', i.device_license, false)) AS installed,
      (SELECT o.kind::text FROM app_operation o WHERE o.organization_id = ${organizationId} AND o.device_id = k.device_id
        AND o.app_id = k.app_id AND o.ended_at IS NULL) AS open,
      l.id AS "licenseId", l.state AS "licenseState", coalesce(l.revoking, false) AS revoking, l.task_id AS "licenseTaskId",
      (SELECT w.task_id FROM license_wait w WHERE w.organization_id = ${organizationId} AND w.app_id = k.app_id
        AND w.device_id = k.device_id ORDER BY w.id LIMIT 1) AS "waitsIn"
    FROM unnest(${ids(pairs.map((pair) => pair.deviceId))}, ${ids(pairs.map((pair) => pair.appId))}) WITH ORDINALITY AS k(device_id, app_id, place)
    JOIN device d ON d.organization_id = ${organizationId} AND d.id = k.device_id AND d.removed_at IS NULL
    JOIN app a ON a.organization_id = ${organizationId} AND a.id = k.app_id
    LEFT JOIN LATERAL (
      SELECT h.id, h.state::text AS state, h.task_id,
        h.state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING') OR h.revoke_task_id IS NOT NULL AS revoking
      FROM license h WHERE h.organization_id = ${organizationId} AND h.device_id = k.device_id AND h.app_id = k.app_id AND h.ended_at IS NULL
      ORDER BY revoking, h.state <> 'CONFIRMED', h.id LIMIT 1
    ) l ON true
    ORDER BY k.place`);
  const deviceIds = [...new Set(rows.map((row) => row.deviceId))];
  const trials = await readTrials(context, tx, rows, deviceIds);
  return rows.map((row) => ({
    ...row,
    admitted: row.status === 'RELEASE' || trials.has(trialKey(row.status, row.deviceId)),
  }));
}
