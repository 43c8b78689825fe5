/** Items that a notification names, and the licenses that they stand for. @module */
import { type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Carried } from '../license/call.ts';
import { normalizeSerial } from '../license/world.ts';
import type { AssignmentRow } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';

/** The item under the name that our rows have it by. */
export function normalized(item: AssignmentRow): AssignmentRow {
  return item.serialNumber === null ? item : { ...item, serialNumber: normalizeSerial(item.serialNumber) };
}

/** The live licenses `l` of the items, met through the index of each kind of holder; `i` has the item. */
export function liveLicenses(token: TokenKey, items: readonly AssignmentRow[], and: Sql): Sql {
  const part = (kind: 'serialNumber' | 'clientUserId') => {
    const mine = items.filter((item) => item[kind] !== null);
    const holder = kind === 'serialNumber' ? sql`l.serial_number` : sql`l.client_user_id`;
    return sql`SELECT l.* FROM unnest(${texts(mine.map((item) => item.adamId))}, ${texts(mine.map((item) => item.pricingParam))},
        ${texts(mine.map((item) => item[kind]))}) AS i(adam_id, pricing_param, holder)
      JOIN license_pool p ON p.organization_id = ${token.organizationId} AND p.token_id = ${token.tokenId}
        AND p.adam_id = i.adam_id AND p.pricing_param = i.pricing_param
      JOIN license l ON l.organization_id = ${token.organizationId} AND l.pool_id = p.id AND ${holder} = i.holder AND l.ended_at IS NULL
      WHERE ${and}`;
  };
  return sql`(${part('serialNumber')} UNION ALL ${part('clientUserId')})`;
}

/** Live licenses of the items as calls carry them. */
export function readLive(
  db: Tx,
  token: TokenKey,
  items: readonly AssignmentRow[],
  and: Sql,
): Promise<(Carried & { callId: bigint | null; state: string })[]> {
  return db.$queryRaw(sql`
    SELECT l.id, l.pool_id AS "poolId", l.adam_id AS "adamId", l.pricing_param AS "pricingParam", l.serial_number AS "serialNumber",
      l.client_user_id AS "clientUserId", l.app_id AS "appId", l.device_id AS "deviceId", l.revoke_task_id AS "revokeTaskId", l.sends::int AS sends,
      l.call_id AS "callId", l.state::text AS state
    FROM ${liveLicenses(token, items, and)} l ORDER BY l.id`);
}
