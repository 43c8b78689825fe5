/** What verbs on seats see: subscriptions, under their locks, and who holds seats of them. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { SeatState, SeatSubscriptionStatus } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';
import { type DomainError, NotFoundError, SeatsNotEnabledError } from '../errors.ts';
import { neverSent } from '../license/never-sent.ts';
import type { TaskFailure } from '../task/failures.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import type { FoundUser } from '../vpp-user/find.ts';
import { lockSubscriptions } from './transition.ts';

/** A subscription that seats are given of, or taken back. */
export interface Subscription {
  id: bigint;
  tokenId: bigint;
  label: string;
  adamId: string;
  status: SeatSubscriptionStatus;
  enabled: boolean;
  freeRenewing: bigint;
  freeExpiring: bigint;
  asOf: Date;
}

/**
 * Locks the subscriptions and reads them, to give seats of them. Throws NOT_FOUND, SEATS_NOT_ENABLED, TOKEN_EXPIRED,
 * TOKEN_NOT_USABLE.
 */
export async function lockNamed(context: Context, tx: Tx, named: readonly bigint[]): Promise<Subscription[]> {
  const rows = await lockKnown(context, tx, named, ['subscriptionIds']);
  for (const tokenId of new Set(rows.map((row) => row.tokenId))) await requireUsableToken(context, tx, tokenId);
  const closed = rows.find((row) => !row.enabled);
  if (closed) throw new SeatsNotEnabledError(closed.tokenId, closed.label);
  return rows;
}

/** Locks the subscriptions and reads them, whatever can be done with them now. Throws NOT_FOUND. */
export async function lockKnown(
  context: Context,
  tx: Tx,
  named: readonly bigint[],
  path: string[],
): Promise<Subscription[]> {
  const { organizationId } = context.actor;
  const distinct = [...new Set(named)];
  await lockSubscriptions(tx, organizationId, sql`SELECT unnest(${ids(distinct)})`);
  const rows = await tx.$queryRaw<Subscription[]>(sql`
    SELECT s.id, s.token_id AS "tokenId", t.label, s.adam_id AS "adamId", s.status::text AS status, s.as_of AS "asOf",
           b.enabled_at IS NOT NULL AS enabled,
           s.total_renewing - s.held_renewing - s.reserved_renewing AS "freeRenewing",
           s.total_expiring - s.held_expiring - s.reserved_expiring AS "freeExpiring"
    FROM seat_subscription s JOIN token t ON t.organization_id = s.organization_id AND t.id = s.token_id
    LEFT JOIN seat_library b ON b.organization_id = s.organization_id AND b.token_id = s.token_id
    WHERE s.organization_id = ${organizationId} AND s.id = ANY (${ids(distinct)}) ORDER BY s.id`);
  const missing = distinct.filter((id) => !rows.some((row) => row.id === id));
  if (missing.length > 0) throw new NotFoundError('seat subscription', missing.map(String), path);
  return rows;
}

/** A seat that has not ended. */
export interface LiveSeat {
  id: bigint;
  subscriptionId: bigint;
  tokenId: bigint;
  vppUserId: bigint;
  clientUserId: string;
  renewing: boolean;
  state: SeatState;
  unsent: boolean;
  throughGroup: boolean;
  taskId: bigint | null;
}

/** Whose live seats; of people without subscriptions, all that they hold. */
export type LiveSeatQuery =
  | { seatIds: readonly bigint[] }
  | { vppUserIds: readonly bigint[] }
  | { subscriptionIds: readonly bigint[]; vppUserIds: readonly bigint[] };

/** The live seats, in the order of their ids. */
export function readLiveSeats(tx: Tx, organizationId: bigint, query: LiveSeatQuery): Promise<LiveSeat[]> {
  const which =
    'seatIds' in query
      ? sql`l.id = ANY (${ids(query.seatIds)})`
      : 'subscriptionIds' in query
        ? sql`l.subscription_id = ANY (${ids(query.subscriptionIds)}) AND l.vpp_user_id = ANY (${ids(query.vppUserIds)})`
        : sql`l.vpp_user_id = ANY (${ids(query.vppUserIds)})`;
  return tx.$queryRaw<LiveSeat[]>(sql`
    SELECT l.id, l.subscription_id AS "subscriptionId", l.token_id AS "tokenId", l.vpp_user_id AS "vppUserId", l.client_user_id AS "clientUserId",
           l.renewing, l.state::text AS state, l.state = 'REQUESTED' AND ${neverSent} AS unsent,
           l.through_group AS "throughGroup", l.task_id AS "taskId"
    FROM seat_assignment l WHERE l.organization_id = ${organizationId} AND ${which} AND l.ended_at IS NULL ORDER BY l.id`);
}

/** A pair that is refused. */
export interface RefusedSeat {
  subscriptionId: bigint;
  user: Pick<FoundUser, 'id' | 'clientUserId'>;
  seatId?: bigint;
  error: DomainError;
}

/** A refused pair as an item of the task. */
export const asFailure = ({ subscriptionId, user, seatId, error }: RefusedSeat): TaskFailure => ({
  code: error.code,
  message: error.message,
  seatSubscriptionId: subscriptionId,
  seatId: seatId ?? null,
  vppUserId: user.id,
  clientUserId: user.clientUserId,
});
