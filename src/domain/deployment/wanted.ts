/** What deployments want, as parts of statements. @module */
import { ids, nothing, type Sql, sql } from '../../db/transaction.ts';
import { asRuledByGroup, isListed } from '../device-group/rule.ts';

/** Devices with an id above `after`, up to and with `to`; null for no end. */
export interface DeviceRange {
  after: bigint;
  to: bigint | null;
}

const within = (range: DeviceRange | undefined, id: Sql): Sql => {
  if (!range) return nothing;
  return sql`AND ${id} > ${range.after} ${range.to === null ? nothing : sql`AND ${id} <= ${range.to}`}`;
};

/**
 * A row for each app and device that a deployment is about: the one deployment that counts there. Columns: app_id,
 * device_id, deployment_id, mode, token_id, priority, device_updated_at. Without `appIds`: of all apps.
 */
export function wantedPairs(organizationId: bigint, appIds: readonly bigint[] | null, range?: DeviceRange): Sql {
  const own = sql`p.organization_id = ${organizationId} ${appIds === null ? nothing : sql`AND p.app_id = ANY (${ids(appIds)})`}`;
  const group = sql`JOIN device_group g ON g.organization_id = p.organization_id AND g.id = p.group_id`;
  return sql`
    SELECT DISTINCT ON (p.app_id, d.id) p.app_id, d.id AS device_id, p.id AS deployment_id, p.mode, p.token_id, p.priority,
      d.updated_at AS device_updated_at
    FROM (
      SELECT p.*, m.device_id AS member FROM deployment p ${group} AND g.kind = 'STATIC'
      JOIN device_group_member m ON m.organization_id = p.organization_id AND m.group_id = g.id ${within(range, sql`m.device_id`)} WHERE ${own}
      UNION ALL
      SELECT p.*, d.id FROM deployment p ${group} AND g.kind = 'RULE'
      JOIN device d ON d.organization_id = p.organization_id AND ${isListed} AND ${asRuledByGroup} ${within(range, sql`d.id`)} WHERE ${own}
    ) p JOIN device d ON d.organization_id = p.organization_id AND d.id = p.member AND ${isListed}
    ORDER BY p.app_id, d.id, p.rank, (p.mode = 'NONE') DESC, p.id`;
}

/** Whether pair `w` has a license that has not ended. */
export const isLicensed = (organizationId: bigint): Sql => sql`EXISTS (SELECT 1 FROM license l
  WHERE l.organization_id = ${organizationId} AND l.app_id = w.app_id AND l.device_id = w.device_id AND l.ended_at IS NULL)`;

/** Whether pair `w` waits for a free license. */
export const isWaiting = (organizationId: bigint): Sql => sql`EXISTS (SELECT 1 FROM license_wait q
  WHERE q.organization_id = ${organizationId} AND q.app_id = w.app_id AND q.device_id = w.device_id)`;

/** Whether pair `w` was refused and it is too early to try again: its device has not changed since. */
export const isRefused = (organizationId: bigint, now: Sql): Sql => sql`EXISTS (SELECT 1 FROM deployment_refusal r
  WHERE r.organization_id = ${organizationId} AND r.app_id = w.app_id AND r.device_id = w.device_id
    AND r.retry_at > ${now} AND r.refused_at >= w.device_updated_at)`;
