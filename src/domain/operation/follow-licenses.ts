/** Operations that wait for a license go on, or end, in the statement that moves it. @module */
import { json, moment, type Sql, sql } from '../../db/transaction.ts';
import { causes } from './cause.ts';
import { readyPatience } from './times.ts';

/** What a step of licenses means for those who wait for them. */
type Following = 'HELD' | 'ENDED' | 'CANCELLED' | 'KEPT' | 'KEPT_BY_CANCEL';

/** As a part `followed` of a statement whose part `moved` holds the licenses by `id`. */
export function followLicenses(following: Following, organizationId: bigint, now: Date): Sql {
  const waiting = (kind: Sql) => sql`FROM (
      SELECT x.id FROM app_operation x JOIN moved m ON m.id = x.license_id
      WHERE x.organization_id = ${organizationId} AND x.ended_at IS NULL AND x.state = 'WAITING_FOR_LICENSE' AND ${kind}
      ORDER BY x.id FOR NO KEY UPDATE OF x
    ) w WHERE o.organization_id = ${organizationId} AND o.id = w.id RETURNING o.id`;
  const changed = sql`changed_at = ${moment(now)}`;
  const ready = sql`state = 'READY', ${changed}, due_at = ${moment(now)}, deadline_at = ${moment(new Date(now.getTime() + readyPatience))}`;
  const ended = (state: Sql, cause: object) =>
    sql`state = ${state}, ${changed}, ended_at = ${moment(now)}, due_at = NULL, deadline_at = NULL, cause = ${json(cause)}`;
  const failed = (cause: object) => ended(sql`'FAILED'`, cause);
  const installs = sql`x.kind <> 'REMOVE'`;
  const removals = sql`x.kind = 'REMOVE'`;
  if (following === 'HELD')
    return sql`, followed AS (UPDATE app_operation o SET ${ready} ${waiting(installs)}), freed AS (SELECT 1 WHERE false)`;
  if (following === 'KEPT')
    return sql`, followed AS (UPDATE app_operation o SET ${failed(causes.licenseKept)} ${waiting(removals)}), freed AS (SELECT 1 WHERE false)`;
  if (following === 'KEPT_BY_CANCEL')
    return sql`, followed AS (UPDATE app_operation o SET ${ended(sql`'CANCELLED'`, causes.cancelled)} ${waiting(removals)}), freed AS (SELECT 1 WHERE false)`;
  const without =
    following === 'CANCELLED' ? ended(sql`'CANCELLED'`, causes.licenseCancelled) : failed(causes.licenseFailed);
  return sql`, followed AS (UPDATE app_operation o SET ${without} ${waiting(installs)}),
    freed AS (UPDATE app_operation o SET ${ready} ${waiting(removals)})`;
}

/** How many there were; nothing where the step concerns nobody. */
export const followers = (following: Following | null): Sql =>
  following === null
    ? sql`0 AS followed`
    : sql`((SELECT count(*) FROM followed) + (SELECT count(*) FROM freed))::int AS followed`;

/** What it is for those who wait that a license stays for this reason. */
export const keptBecause = (code: string | undefined): Following => (code === 'CANCELLED' ? 'KEPT_BY_CANCEL' : 'KEPT');

/** Which of these a step is, whose items fail for the reason `code`. */
export function followingOf(step: string, ends: boolean, code?: string): Following | null {
  if (step === 'CANCEL') return 'CANCELLED';
  if (ends) return 'ENDED';
  if (step === 'CONFIRM') return 'HELD';
  return step === 'KEEP' ? keptBecause(code) : null;
}
