/** What deployments want, as parts of statements. @module */
import { ids, nothing, type Sql, sql } from '../../db/transaction.ts';
import { asRuledByGroup, isListed } from '../device-group/rule.ts';

/** Devices with an id above `after`, up to and with `to`; null for no end. */
export interface DeviceRange {
  after: bigint;
  to: bigint | null;
}

/** Only some devices: of a range, or whose ids a statement gives. */
export type SomeDevices = DeviceRange | { among: Sql };

/** Whether `id` is one of them; as a further condition. */
const within = (range: SomeDevices | undefined, id: Sql): Sql => {
  if (!range) return nothing;
  if ('among' in range) return sql`AND ${id} IN (${range.among})`;
  return sql`AND ${id} > ${range.after} ${range.to === null ? nothing : sql`AND ${id} <= ${range.to}`}`;
};

/**
 * A row for each app and device that a deployment is about: the one deployment that counts there. Columns: app_id,
 * device_id, deployment_id, mode, token_id, priority, device_updated_at. Without `appIds`: of all apps. `only` keeps pairs
 * by the app of deployment `p` and the device of `m`, before it is looked which deployment counts.
 */
export function wantedPairs(
  organizationId: bigint,
  appIds: readonly bigint[] | null,
  range?: SomeDevices,
  only: Sql = sql`true`,
): Sql {
  const own = sql`p.organization_id = ${organizationId} ${appIds === null ? nothing : sql`AND p.app_id = ANY (${ids(appIds)})`}`;
  const deployed = sql`g.organization_id = ${organizationId} AND EXISTS (SELECT 1 FROM deployment p WHERE ${own} AND p.group_id = g.id)`;
  // Materialized, for the rule of a group is then looked at once a device, however many apps are deployed to it.
  return sql`
    WITH m AS MATERIALIZED (
      SELECT g.id AS group_id, d.id AS device_id, d.updated_at FROM device_group g
      JOIN device_group_member x ON x.organization_id = g.organization_id AND x.group_id = g.id ${within(range, sql`x.device_id`)}
      JOIN device d ON d.organization_id = x.organization_id AND d.id = x.device_id AND ${isListed} ${within(range, sql`d.id`)}
      WHERE g.kind = 'STATIC' AND ${deployed}
      UNION ALL
      SELECT g.id, d.id, d.updated_at FROM device_group g
      JOIN device d ON d.organization_id = g.organization_id AND ${isListed} ${within(range, sql`d.id`)} AND ${asRuledByGroup}
      WHERE g.kind = 'RULE' AND ${deployed}
    )
    SELECT DISTINCT ON (p.app_id, m.device_id) p.app_id, m.device_id, p.id AS deployment_id, p.mode, p.token_id, p.priority,
      m.updated_at AS device_updated_at
    FROM m JOIN deployment p ON p.group_id = m.group_id
    WHERE ${own} AND ${only}
    ORDER BY p.app_id, m.device_id, p.rank, (p.mode = 'NONE') DESC, p.id`;
}

/** Whether pair `w` has a license that has not ended. */
export const isLicensed = (organizationId: bigint): Sql => sql`EXISTS (SELECT 1 FROM license l
  WHERE l.organization_id = ${organizationId} AND l.app_id = w.app_id AND l.device_id = w.device_id AND l.ended_at IS NULL)`;

/** Whether deployment `p` and device `m` have a license that has not ended, for {@link wantedPairs} of the range. */
export const isHeld = (organizationId: bigint, range: DeviceRange): Sql => sql`EXISTS (SELECT 1 FROM license l
  WHERE l.organization_id = ${organizationId} AND l.app_id = p.app_id AND l.device_id = m.device_id AND l.ended_at IS NULL ${within(range, sql`l.device_id`)})`;

/** Whether device `m` lists the app of deployment `p`, for {@link wantedPairs} of the range. */
export const isListedThere = (
  organizationId: bigint,
  range?: DeviceRange,
): Sql => sql`EXISTS (SELECT 1 FROM installed_app i
  WHERE i.organization_id = ${organizationId} AND i.app_id = p.app_id AND i.device_id = m.device_id
    AND i.managed_status IS DISTINCT FROM 'ManagedButUninstalled' ${within(range, sql`i.device_id`)})`;

// What is asked of few pairs is looked up for each: OFFSET keeps the server from reading all of it for a join.

/** Whether pair `w` waits for a free license. */
export const isWaiting = (organizationId: bigint): Sql => sql`EXISTS (SELECT 1 FROM license_wait q
  WHERE q.organization_id = ${organizationId} AND q.app_id = w.app_id AND q.device_id = w.device_id OFFSET 0)`;

/** Whether pair `w` was refused and it is too early to try again. */
export const isRefused = (organizationId: bigint, now: Sql): Sql => refused(organizationId, refusalHolds(now));

/** What is refused to a device is its license: one that nothing can be installed on is given it all the same. */
export const isRefusedLicense = (organizationId: bigint, now: Sql): Sql =>
  refused(organizationId, sql`${refusalHolds(now)} AND r.code <> 'INSTALL_NOT_SUPPORTED'`);

const refused = (organizationId: bigint, holds: Sql): Sql => sql`EXISTS (SELECT 1 FROM deployment_refusal r
  WHERE r.organization_id = ${organizationId} AND r.app_id = w.app_id AND r.device_id = w.device_id AND ${holds} OFFSET 0)`;

/** Whether refusal `r` of pair `w` holds: its device has not changed since, and was not heard of where it waits for that. */
export const refusalHolds = (now: Sql): Sql => sql`r.retry_at > ${now} AND r.refused_at >= w.device_updated_at
  AND NOT (r.until_seen AND EXISTS (SELECT 1 FROM enrollment e WHERE e.organization_id = r.organization_id AND e.device_id = r.device_id
    AND e.state = 'ENROLLED' AND greatest(e.last_seen_at, e.enrolled_at) > r.refused_at))`;

/** Whether Apple refused pair `w` a license since then. */
export const hasFailed = (organizationId: bigint, since: Sql): Sql => sql`EXISTS (SELECT 1 FROM license f
  WHERE f.organization_id = ${organizationId} AND f.app_id = w.app_id AND f.device_id = w.device_id
    AND f.state = 'FAILED' AND f.ended_at > ${since} OFFSET 0)`;

/** Whether device `w` lists the app of pair `w`. */
export const isInstalled = (organizationId: bigint): Sql => sql`EXISTS (SELECT 1 FROM installed_app i
  WHERE i.organization_id = ${organizationId} AND i.app_id = w.app_id AND i.device_id = w.device_id
    AND i.managed_status IS DISTINCT FROM 'ManagedButUninstalled')`;

/** Whether the app of pair `w` was installed there since then. */
export const hasInstalled = (organizationId: bigint, since: Sql): Sql => sql`EXISTS (SELECT 1 FROM app_operation o
  WHERE o.organization_id = ${organizationId} AND o.app_id = w.app_id AND o.device_id = w.device_id
    AND o.kind = 'INSTALL' AND o.state = 'DONE' AND o.ended_at > ${since} OFFSET 0)`;

/** Whether pair `w` lacks what its deployment wants. */
export const isUnmet = (organizationId: bigint): Sql =>
  sql`CASE WHEN w.mode = 'LICENSE_AND_INSTALL' THEN NOT ${isInstalled(organizationId)} ELSE NOT ${isLicensed(organizationId)} END`;
