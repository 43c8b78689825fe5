import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { wantedPairs } from './wanted.ts';

/** A year: people are to see that it is held back, and to say what shall be. */
const patience = 365 * 86_400_000;

/** Why a license that a deployment wants was taken back. */
export interface Hold {
  code: string;
  message: string;
  /** It ends when the device is heard of again. */
  untilSeen: boolean;
}

/**
 * What was taken from devices for a good reason is not given to them again by the deployment that wants it there: it is kept
 * as refused until the device or the deployment changes. Other licenses are nobody's affair here.
 */
export async function holdBack(context: Context, tx: Tx, licenseIds: readonly bigint[], hold: Hold): Promise<void> {
  if (licenseIds.length === 0) return;
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const lost = await tx.$queryRaw<{ appId: bigint; deviceId: bigint }[]>(sql`
    SELECT DISTINCT app_id AS "appId", device_id AS "deviceId" FROM license
    WHERE organization_id = ${organizationId} AND id = ANY (${ids(licenseIds)}) AND device_id IS NOT NULL`);
  const appIds = [...new Set(lost.map(({ appId }) => appId))];
  const pairs = sql`unnest(${ids(lost.map(({ appId }) => appId))}, ${ids(lost.map(({ deviceId }) => deviceId))})`;
  const among = sql`SELECT unnest(${ids(lost.map(({ deviceId }) => deviceId))})`;
  await tx.$executeRaw(sql`
    INSERT INTO deployment_refusal (organization_id, app_id, device_id, code, message, refused_at, retry_at, until_seen)
    SELECT ${organizationId}, w.app_id, w.device_id, ${hold.code}, ${hold.message}, ${moment(now)}, ${moment(new Date(now.getTime() + patience))}, ${hold.untilSeen}
    FROM (${wantedPairs(organizationId, appIds, { among })}) w
    JOIN ${pairs} AS n(app_id, device_id) ON n.app_id = w.app_id AND n.device_id = w.device_id
    WHERE w.mode <> 'NONE' ORDER BY w.app_id, w.device_id
    ON CONFLICT (organization_id, app_id, device_id) DO UPDATE SET code = excluded.code, message = excluded.message,
      refused_at = excluded.refused_at, retry_at = excluded.retry_at, until_seen = excluded.until_seen`);
}
