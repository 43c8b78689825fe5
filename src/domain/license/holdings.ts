import type { Rows } from '../../db/rows.ts';
import { ids, sql } from '../../db/transaction.ts';

/** A device and an app. */
export interface Holding {
  appId: bigint;
  deviceId: bigint;
}

/** Whether each device holds a license of its app, in the order of the questions. */
export async function readHoldings(
  reader: Rows,
  organizationId: bigint,
  asked: readonly Holding[],
): Promise<boolean[]> {
  const held = await reader.rows<Holding>(sql`
    SELECT l.app_id AS "appId", l.device_id AS "deviceId"
    FROM unnest(${ids(asked.map((one) => one.appId))}, ${ids(asked.map((one) => one.deviceId))}) q(app_id, device_id)
    JOIN license l ON l.organization_id = ${organizationId} AND l.app_id = q.app_id AND l.device_id = q.device_id AND l.ended_at IS NULL`);
  const pairs = new Set(held.map((one) => `${one.appId}:${one.deviceId}`));
  return asked.map((one) => pairs.has(`${one.appId}:${one.deviceId}`));
}
