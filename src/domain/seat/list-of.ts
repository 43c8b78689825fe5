/** Pages of the seat subscriptions of tokens, and of the seats of people: the same page of each in one statement. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, sql } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import { type SeatRow, type SeatSubscriptionRow, seatShape, seatSubscriptionShape } from './row.ts';

/** The subscriptions of each token, those that Apple lists no more left out. */
export async function listSeatSubscriptionsOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, SeatSubscriptionRow[]>> {
  const rows = await reader.rows<SeatSubscriptionRow & Owned>(sql`
    SELECT ${seatSubscriptionShape.columns}, o.id AS "ownerId" FROM unnest(${ids(tokenIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM seat_subscription n WHERE n.organization_id = ${organizationId} AND n.token_id = o.id AND n.gone_at IS NULL
        ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) s ORDER BY s.id`);
  return byOwner(rows);
}

/** How many each token has. */
export async function countSeatSubscriptionsOf(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT token_id AS "ownerId", count(*) AS count FROM seat_subscription
    WHERE organization_id = ${organizationId} AND token_id = ANY (${ids(tokenIds)}) AND gone_at IS NULL GROUP BY 1`);
  return countsByOwner(rows);
}

/** The live seats of each person. */
export async function listSeatsOf(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
  window: IdWindow,
): Promise<Map<bigint, SeatRow[]>> {
  const rows = await reader.rows<SeatRow & Owned>(sql`
    SELECT ${seatShape.columns}, o.id AS "ownerId" FROM unnest(${ids(userIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM seat_assignment n WHERE n.organization_id = ${organizationId} AND n.vpp_user_id = o.id AND n.ended_at IS NULL
        ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) l ORDER BY l.id`);
  return byOwner(rows);
}

/** How many each person has. */
export async function countSeatsOf(
  reader: Rows,
  organizationId: bigint,
  userIds: readonly bigint[],
): Promise<Map<bigint, bigint>> {
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT vpp_user_id AS "ownerId", count(*) AS count FROM seat_assignment
    WHERE organization_id = ${organizationId} AND vpp_user_id = ANY (${ids(userIds)}) AND ended_at IS NULL GROUP BY 1`);
  return countsByOwner(rows);
}
