/** How devices stand with their MDM server, as it is read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, sql } from '../../db/transaction.ts';
import type { EnrollmentState } from '../../generated/prisma/enums.ts';

/** The enrollment of a device: the present one, or the last that it had. */
export interface EnrollmentRow {
  deviceId: bigint;
  enrollmentId: string;
  state: EnrollmentState;
  /** The connection is there: a server that was let go of hears nothing. */
  connected: boolean;
  enrolledAt: Date | null;
  goneAt: Date | null;
  /** The newest sign of life. */
  seenAt: Date | null;
  informedAt: Date | null;
  listedAt: Date | null;
  awaitingConfiguration: boolean | null;
  timeZone: string | null;
  supervised: boolean | null;
  osVersion: string | null;
}

/** What can be done with a device through its enrollment. */
export type EnrollmentCapability = 'COMMANDS' | 'SILENT_INSTALLS' | 'VERSIONS' | 'LOCAL_TIME';

/** The enrollments of these devices; one that never had any is left out. */
export function readEnrollmentsOf(
  reader: Rows,
  organizationId: bigint,
  deviceIds: readonly bigint[],
): Promise<EnrollmentRow[]> {
  return reader.rows<EnrollmentRow>(sql`
    SELECT DISTINCT ON (e.device_id) e.device_id AS "deviceId", e.enrollment_id AS "enrollmentId", e.state::text AS state, m.removed_at IS NULL AS connected,
      e.enrolled_at AS "enrolledAt", e.gone_at AS "goneAt", greatest(e.authenticated_at, e.reachable_at, e.last_seen_at) AS "seenAt",
      e.informed_at AS "informedAt", e.listed_at AS "listedAt", e.awaiting_configuration AS "awaitingConfiguration", e.time_zone AS "timeZone",
      d.supervised, d.os_version AS "osVersion"
    FROM enrollment e
    JOIN mdm_connection m ON m.organization_id = e.organization_id AND m.id = e.connection_id
    JOIN device d ON d.organization_id = e.organization_id AND d.id = e.device_id
    WHERE e.organization_id = ${organizationId} AND e.device_id = ANY (${ids(deviceIds)})
    ORDER BY e.device_id, e.state = 'GONE', e.gone_at DESC NULLS LAST, e.id DESC`);
}

/** What follows from what the device told. */
export function capabilitiesOf(row: EnrollmentRow): EnrollmentCapability[] {
  if (row.state !== 'ENROLLED' || !row.connected) return [];
  const can: EnrollmentCapability[] = ['COMMANDS'];
  // Of one that is not supervised somebody at the device has to agree (MDM sheet §1.2).
  if (row.supervised) can.push('SILENT_INSTALLS');
  if (Number.parseInt(row.osVersion ?? '', 10) >= 11) can.push('VERSIONS');
  if (row.timeZone !== null) can.push('LOCAL_TIME');
  return can;
}
