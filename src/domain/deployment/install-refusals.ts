/** Installs that came to nothing: kept as refusals, so that a deployment does not do them over and over. @module */
import { ids, sql, type Tx, texts, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { keepRefusals } from './problem.ts';
import { wantedPairs } from './wanted.ts';

/** Milliseconds until an install that came to nothing is tried again, though nothing of the device changed. */
const installRetryAfter = 30 * 24 * 60 * 60 * 1000;
/** What ended shortly before the last comparison may have been committed after it. */
const overlap = 60 * 60 * 1000;

/** Causes of the license, where the deployment gets another one or says why not; and installs that it took back itself. */
const noFailures = ['LICENSE_FAILED', 'LICENSE_GONE', 'OUT_OF_SCOPE'];
/** Causes that may be over when the device is heard of again. */
const ofSilence = ['DEVICE_SILENT', 'NO_TURN', 'DEVICE_UNENROLLED'];

/**
 * Keeps installs that came to nothing since the last comparison, whoever asked for them: where the deployment that counts on
 * the device installs, and has not changed since. A transaction of its own.
 */
export async function noteFailedInstalls(context: Context): Promise<void> {
  const failed = await readFailed(context);
  if (failed.length === 0) return;
  const { organizationId } = context.actor;
  const appIds = [...new Set(failed.map(({ appId }) => appId))];
  const deviceIds = ids(failed.map(({ deviceId }) => deviceId));
  const named = sql`unnest(${ids(failed.map(({ id }) => id))}, ${ids(failed.map(({ appId }) => appId))}, ${deviceIds}) AS n(id, app_id, device_id)`;
  const wanted = wantedPairs(organizationId, appIds, { among: sql`SELECT unnest(${deviceIds})` });
  await transaction(context, (tx) =>
    tx.$executeRaw(sql`
    INSERT INTO deployment_refusal (organization_id, app_id, device_id, code, message, refused_at, retry_at, until_seen)
    SELECT ${organizationId}, o.app_id, o.device_id, coalesce(o.cause ->> 'code', o.state::text),
      coalesce(o.cause ->> 'message', 'It was not installed.'), o.ended_at, o.ended_at + make_interval(secs => ${installRetryAfter / 1000}::float8),
      coalesce(o.cause ->> 'code' = ANY (${texts(ofSilence)}), false)
    FROM ${named} JOIN app_operation o ON o.organization_id = ${organizationId} AND o.id = n.id
    JOIN (${wanted}) w ON w.app_id = n.app_id AND w.device_id = n.device_id AND w.mode = 'LICENSE_AND_INSTALL'
    JOIN deployment p ON p.organization_id = ${organizationId} AND p.id = w.deployment_id AND p.updated_at <= o.ended_at
    ORDER BY o.app_id, o.device_id
    ON CONFLICT (organization_id, app_id, device_id) DO UPDATE SET code = excluded.code, message = excluded.message,
      refused_at = excluded.refused_at, retry_at = excluded.retry_at, until_seen = excluded.until_seen
      WHERE deployment_refusal.refused_at < excluded.refused_at`),
  );
}

/** The last failure of each pair that is not kept yet. */
function readFailed({ prisma, actor }: Context): Promise<{ id: bigint; appId: bigint; deviceId: bigint }[]> {
  return prisma.$queryRaw(sql`
    SELECT DISTINCT ON (o.app_id, o.device_id) o.id, o.app_id AS "appId", o.device_id AS "deviceId" FROM app_operation o
    WHERE o.organization_id = ${actor.organizationId} AND o.kind = 'INSTALL' AND o.state IN ('FAILED', 'TIMED_OUT', 'CANCELLED')
      AND o.ended_at > coalesce((SELECT s.ended_at - make_interval(secs => ${overlap / 1000}::float8) FROM deployment_pass s
        WHERE s.organization_id = ${actor.organizationId}), '-infinity')
      AND (o.license_id IS NOT NULL OR o.state = 'CANCELLED') AND coalesce(o.cause ->> 'code' <> ALL (${texts(noFailures)}), true)
      AND NOT EXISTS (SELECT 1 FROM deployment_refusal r WHERE r.organization_id = o.organization_id AND r.app_id = o.app_id
        AND r.device_id = o.device_id AND r.refused_at >= o.ended_at)
    ORDER BY o.app_id, o.device_id, o.id DESC`);
}

/** What is no reason to leave a device alone. */
const passing = ['ALREADY_INSTALLED', 'OPERATION_IN_PROGRESS', 'REVOKE_IN_PROGRESS', 'NOT_LICENSED'];

/** Keeps what a new task of installs could not begin; gives how many. */
export function keepInstallRefusals(context: Context, tx: Tx, taskId: bigint): Promise<number> {
  const retryAt = new Date(context.clock.now().getTime() + installRetryAfter);
  return keepRefusals(context, tx, taskId, retryAt, passing);
}
