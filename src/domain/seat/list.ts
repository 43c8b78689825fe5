/** Pages of seat subscriptions and of seats. @module */
import type { Rows } from '../../db/rows.ts';
import { nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import { type SeatRow, type SeatSubscriptionRow, seatShape, seatSubscriptionShape } from './row.ts';

/** Which subscriptions. */
export interface SeatSubscriptionFilter {
  organizationId: bigint;
  tokenId: bigint | null;
  statuses: readonly string[] | null;
}

const listed = ({ organizationId, tokenId, statuses }: SeatSubscriptionFilter): Sql => sql`
  s.organization_id = ${organizationId} AND s.gone_at IS NULL
  ${tokenId === null ? nothing : sql`AND s.token_id = ${tokenId}`}
  ${statuses === null ? nothing : sql`AND s.status = ANY (${texts(statuses)}::"SeatSubscriptionStatus"[])`}`;

/** A page of those that Apple lists. */
export async function listSeatSubscriptions(
  reader: Rows,
  filter: SeatSubscriptionFilter,
  window: IdWindow,
): Promise<SeatSubscriptionRow[]> {
  const rows = await reader.rows<SeatSubscriptionRow>(sql`
    SELECT ${seatSubscriptionShape.columns} FROM seat_subscription s
    WHERE ${listed(filter)} ${idWindow(window, sql`s.id`)} ${idOrder(window, sql`s.id`)}`);
  return inOrder(rows, window);
}

/** How many there are. */
export async function countSeatSubscriptions(reader: Rows, filter: SeatSubscriptionFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM seat_subscription s WHERE ${listed(filter)}`,
  );
  return row!.count;
}

/** Which seats. */
export interface SeatFilter {
  organizationId: bigint;
  subscriptionId: bigint | null;
  tokenId: bigint | null;
  vppUserId: bigint | null;
  renewing: boolean | null;
  /** Null lists those that have not ended. */
  states: readonly string[] | null;
}

const matches = ({ organizationId, subscriptionId, tokenId, vppUserId, renewing, states }: SeatFilter): Sql => sql`
  l.organization_id = ${organizationId}
  ${subscriptionId === null ? nothing : sql`AND l.subscription_id = ${subscriptionId}`}
  ${tokenId === null ? nothing : sql`AND l.token_id = ${tokenId}`}
  ${vppUserId === null ? nothing : sql`AND l.vpp_user_id = ${vppUserId}`}
  ${renewing === null ? nothing : sql`AND l.renewing = ${renewing}`}
  AND ${states === null ? sql`l.ended_at IS NULL` : sql`l.state = ANY (${texts(states)}::"SeatState"[])`}`;

/** A page of seats, oldest first. */
export async function listSeats(reader: Rows, filter: SeatFilter, window: IdWindow): Promise<SeatRow[]> {
  const rows = await reader.rows<SeatRow>(sql`
    SELECT ${seatShape.columns} FROM seat_assignment l
    WHERE ${matches(filter)} ${idWindow(window, sql`l.id`)} ${idOrder(window, sql`l.id`)}`);
  return inOrder(rows, window);
}

/** How many seats there are. */
export async function countSeats(reader: Rows, filter: SeatFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM seat_assignment l WHERE ${matches(filter)}`,
  );
  return row!.count;
}
