/** Which licenses a rule finds: one statement a rule, however many there are. @module */
import { moment, nothing, type Sql, sql } from '../../db/transaction.ts';
import { wantedPairs } from '../deployment/wanted.ts';
import { inGroup } from '../device-group/rule.ts';
import { tokenUsable } from '../token/usable-sql.ts';

/** Why licenses come back. */
export type ReclaimReason = 'UNENROLLED' | 'NOT_SEEN' | 'APP_REMOVED' | 'OUT_OF_SCOPE' | 'INSTALL_FAILED';

/** What of a rule says which licenses. */
export interface ReclaimTerms {
  reason: ReclaimReason;
  days: number;
  appIds: readonly bigint[];
  exceptAppIds: readonly bigint[];
  groupId: bigint | null;
  exceptGroupId: bigint | null;
}

const day = 86_400_000;

/**
 * The licenses that the terms find at `now`, as a statement. Columns: id, device_id, app_id, since.
 * Only licenses for devices that Russet gave, of apps, that Apple confirmed and lets be taken back, through a token
 * that can be used, and that nobody is taking back: what others gave is nobody's to end by a rule (decisions §1.20).
 */
export function foundBy(organizationId: bigint, terms: ReclaimTerms, now: Date): Sql {
  const { join, since, where } = causes[terms.reason](organizationId);
  const before = moment(new Date(now.getTime() - daysBefore(terms) * day));
  return sql`
    SELECT l.id, l.device_id, l.app_id, ${since} AS since
    FROM license l
    JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id AND p.revocable
    JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id AND a.product_type = 'APP'
    JOIN device d ON d.organization_id = l.organization_id AND d.id = l.device_id
    JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id AND ${tokenUsable(now)}
    ${join}
    WHERE l.organization_id = ${organizationId} AND l.ended_at IS NULL AND l.state = 'CONFIRMED' AND l.source = 'RUSSET' AND l.revoke_task_id IS NULL
      AND ${where} AND ${since} <= ${before} ${limits(terms)}`;
}

/** Nothing tells since when no deployment has wanted it: there the days run from when a rule first found it, as days of grace. */
const isDated = ({ reason }: Pick<ReclaimTerms, 'reason'>): boolean => reason !== 'OUT_OF_SCOPE';

/** Days for which it must have been so before it is found. */
const daysBefore = (terms: ReclaimTerms): number => (isDated(terms) ? terms.days : 0);

/** Days between mark and revoke. */
export const daysMarked = (terms: ReclaimTerms & { graceDays: number }): number =>
  terms.graceDays + (isDated(terms) ? 0 : terms.days);

function limits({ appIds, exceptAppIds, groupId, exceptGroupId }: ReclaimTerms): Sql {
  const list = (ids: readonly bigint[]) => sql`${ids.map(String)}::text[]::bigint[]`;
  const inOne = (id: bigint) =>
    sql`EXISTS (SELECT 1 FROM device_group g WHERE g.organization_id = l.organization_id AND g.id = ${id} AND ${inGroup})`;
  return sql`${appIds.length > 0 ? sql`AND l.app_id = ANY (${list(appIds)})` : nothing}
    ${exceptAppIds.length > 0 ? sql`AND l.app_id <> ALL (${list(exceptAppIds)})` : nothing}
    ${groupId === null ? nothing : sql`AND ${inOne(groupId)}`} ${exceptGroupId === null ? nothing : sql`AND NOT ${inOne(exceptGroupId)}`}`;
}

interface Cause {
  join: Sql;
  /** Since when it has been so. */
  since: Sql;
  where: Sql;
}

/** The enrollment through which the device is managed now. */
const present = sql`SELECT 1 FROM enrollment e WHERE e.organization_id = l.organization_id AND e.device_id = l.device_id AND e.state <> 'GONE'`;
/** The newest operation on the app of the license. */
const newestOperation = sql`LEFT JOIN LATERAL (
    SELECT o.kind, o.state, o.ended_at FROM app_operation o
    WHERE o.organization_id = l.organization_id AND o.device_id = l.device_id AND o.app_id = l.app_id AND o.ended_at IS NOT NULL
    ORDER BY o.id DESC LIMIT 1) o ON true`;
const openOperation = sql`EXISTS (SELECT 1 FROM app_operation x WHERE x.organization_id = l.organization_id AND x.device_id = l.device_id
    AND x.app_id = l.app_id AND x.ended_at IS NULL)`;
const installed = sql`EXISTS (SELECT 1 FROM installed_app i WHERE i.organization_id = l.organization_id AND i.device_id = l.device_id
    AND i.app_id = l.app_id AND i.managed_status IS DISTINCT FROM 'ManagedButUninstalled')`;

const causes: Record<ReclaimReason, (organizationId: bigint) => Cause> = {
  /** Without an MDM server nobody is enrolled, and that says nothing. */
  UNENROLLED: () => ({
    join: sql`JOIN mdm_connection m ON m.organization_id = l.organization_id AND m.removed_at IS NULL
      LEFT JOIN LATERAL (SELECT max(e.gone_at) AS gone_at FROM enrollment e
        WHERE e.organization_id = l.organization_id AND e.device_id = l.device_id) g ON true`,
    since: sql`greatest(l.started_at, g.gone_at, m.created_at)`,
    where: sql`NOT EXISTS (${present})`,
  }),
  NOT_SEEN: () => ({
    join: sql`JOIN enrollment e ON e.organization_id = l.organization_id AND e.device_id = l.device_id AND e.state = 'ENROLLED'`,
    since: sql`greatest(l.started_at, e.last_seen_at, e.enrolled_at)`,
    where: sql`true`,
  }),
  /** The app was there, and the device's list of apps no longer has it. */
  APP_REMOVED: () => ({
    join: sql`JOIN enrollment e ON e.organization_id = l.organization_id AND e.device_id = l.device_id AND e.state = 'ENROLLED'
      ${newestOperation}
      LEFT JOIN installed_app u ON u.organization_id = l.organization_id AND u.device_id = l.device_id AND u.app_id = l.app_id
        AND u.managed_status = 'ManagedButUninstalled'`,
    since: sql`greatest(l.started_at, u.changed_at, o.ended_at)`,
    where: sql`NOT ${installed} AND NOT ${openOperation}
      AND (u.device_id IS NOT NULL OR (o.kind IN ('INSTALL', 'UPDATE') AND o.state IN ('DONE', 'UNCHANGED') AND e.listed_at > o.ended_at))`,
  }),
  /** A deployment gave it, and none wants it there any more. */
  OUT_OF_SCOPE: (organizationId) => ({
    join: sql`JOIN task k ON k.organization_id = l.organization_id AND k.id = l.task_id AND k.actor = 'system:deployment'
      LEFT JOIN (${wantedPairs(organizationId, null)}) w ON w.app_id = l.app_id AND w.device_id = l.device_id AND w.mode <> 'NONE'`,
    since: sql`l.changed_at`,
    where: sql`w.device_id IS NULL`,
  }),
  INSTALL_FAILED: () => ({
    join: newestOperation,
    since: sql`greatest(l.started_at, o.ended_at)`,
    where: sql`o.kind = 'INSTALL' AND o.state IN ('FAILED', 'TIMED_OUT', 'CANCELLED') AND NOT ${installed} AND NOT ${openOperation}`,
  }),
};
