/** Operations whose license is asked for and not there yet, and what becomes of the asking. @module */
import { ids, json, moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import { causes } from './cause.ts';
import { readyPatience } from './times.ts';
import { wakeDriver } from './wake.ts';

/** Operations `o` that wait for a license of the task, app and device of `x`. */
const unlicensed = sql`o.licenses_of = x.task_id AND o.app_id = x.app_id AND o.device_id = x.device_id
  AND o.ended_at IS NULL AND o.license_id IS NULL AND o.state = 'WAITING_FOR_LICENSE'`;

/** As a part `linked` of a statement whose part `made` holds new licenses: each finds the operation that waits for it. */
export function linkLicenses(organizationId: bigint): Sql {
  return sql`, linked AS (
      UPDATE app_operation u SET license_id = w.license_id FROM (
        SELECT o.id, x.id AS license_id FROM made x JOIN app_operation o ON o.organization_id = ${organizationId} AND ${unlicensed}
        ORDER BY o.id FOR NO KEY UPDATE OF o
      ) w WHERE u.organization_id = ${organizationId} AND u.id = w.id
    )`;
}

/**
 * As a part `unserved` of a statement whose part `ended` holds requests (task_id, app_id, device_id, code, message) that came to
 * nothing: their operations have failed for the same reason. One whose device came to a license in another way goes on with that.
 */
export function failUnlicensed(organizationId: bigint, now: Date): Sql {
  const patience = moment(new Date(now.getTime() + readyPatience));
  return sql`, unserved AS (
      UPDATE app_operation u SET changed_at = ${moment(now)}, license_id = w.license_id, release_license = u.release_license AND w.license_id IS NULL,
        state = (CASE WHEN w.confirmed THEN 'READY' WHEN w.license_id IS NOT NULL THEN 'WAITING_FOR_LICENSE'
          WHEN w.code = 'CANCELLED' THEN 'CANCELLED' ELSE 'FAILED' END)::"AppOperationState",
        ended_at = CASE WHEN w.license_id IS NULL THEN ${moment(now)} END,
        due_at = CASE WHEN w.confirmed THEN ${moment(now)} END, deadline_at = CASE WHEN w.confirmed THEN ${patience} END,
        cause = CASE WHEN w.license_id IS NOT NULL THEN u.cause WHEN w.code = 'CANCELLED' THEN ${json(causes.licenseCancelled)}
          ELSE jsonb_build_object('code', w.code, 'message', w.message) END
      FROM (
        SELECT o.id, x.code, x.message, l.id AS license_id, coalesce(l.state = 'CONFIRMED', false) AS confirmed
        FROM ended x JOIN app_operation o ON o.organization_id = ${organizationId} AND ${unlicensed}
        LEFT JOIN license l ON x.code = 'ALREADY_LICENSED' AND l.organization_id = o.organization_id AND l.device_id = o.device_id
          AND l.app_id = o.app_id AND l.ended_at IS NULL AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED') AND l.revoke_task_id IS NULL
        ORDER BY o.id FOR NO KEY UPDATE OF o
      ) w WHERE u.organization_id = ${organizationId} AND u.id = w.id RETURNING u.id
    )`;
}

/** Requests of the task that were refused: what waits for them has failed for the same reason. */
export async function failRefused(
  tx: Tx,
  task: { organizationId: bigint; taskId: bigint },
  refused: readonly { appId?: bigint | null; deviceId?: bigint | null; code: string; message: string }[],
  now: Date,
): Promise<void> {
  const known = refused.flatMap((one) =>
    one.appId != null && one.deviceId != null ? [{ ...one, appId: one.appId, deviceId: one.deviceId }] : [],
  );
  if (known.length === 0) return;
  const [row] = await tx.$queryRaw<{ count: number }[]>(sql`
    WITH ended AS (
      SELECT ${task.taskId}::bigint AS task_id, k.* FROM unnest(${ids(known.map((one) => one.appId))}, ${ids(known.map((one) => one.deviceId))},
        ${texts(known.map((one) => one.code))}, ${texts(known.map((one) => one.message))}) AS k(app_id, device_id, code, message)
    ) ${failUnlicensed(task.organizationId, now)}
    SELECT count(*)::int AS count FROM unserved`);
  if (row!.count > 0) await wakeDriver(tx, task.organizationId);
}
