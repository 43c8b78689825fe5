/** Finds the seats that a removal means, and locks what they hang on. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotFoundError, SeatNotAssignedError } from '../errors.ts';
import { lockGates } from '../license/lock-gates.ts';
import { lockTasks } from '../task/settle.ts';
import { findVppUsers } from '../vpp-user/find.ts';
import { maxPairs } from './input.ts';
import { lockSubscriptions } from './transition.ts';
import { type LiveSeat, lockKnown, type RefusedSeat, readLiveSeats } from './world.ts';

/** Seats by their ids, or all of the subscriptions that the people hold. */
export interface SeatTarget {
  seatIds?: readonly bigint[] | null | undefined;
  holders?: { subscriptionIds: readonly bigint[]; vppUserIds: readonly bigint[] } | null | undefined;
}

type NamedSeats =
  | { seatIds: readonly bigint[] }
  | { subscriptionIds: readonly bigint[]; vppUserIds: readonly bigint[] };

/** The tasks that asked for seats of which Apple has not heard: they are counted for when those are cancelled. */
export const askersOf = (seats: readonly LiveSeat[]): bigint[] => [
  ...new Set(seats.flatMap((seat) => (seat.unsent ? (seat.taskId ?? []) : []))),
];

/** What is named, with gates, tasks and subscriptions locked in this order, as they are under the locks. */
export async function lockSeats(
  context: Context,
  tx: Tx,
  target: SeatTarget,
): Promise<{ seats: LiveSeat[]; missing: RefusedSeat[] }> {
  const { organizationId } = context.actor;
  const query = queryOf(target);
  const before = await readLiveSeats(tx, organizationId, query);
  await lockGates(
    tx,
    organizationId,
    before.map((seat) => seat.tokenId),
  );
  await lockTasks(tx, organizationId, askersOf(before));
  const path = ['target', 'holders', 'subscriptionIds'];
  if ('seatIds' in query)
    await lockSubscriptions(tx, organizationId, sql`SELECT unnest(${ids(before.map((seat) => seat.subscriptionId))})`);
  else await lockKnown(context, tx, query.subscriptionIds, path);
  // One that came in between came after the removal: its gate and its task are not locked.
  const seats = await readLiveSeats(tx, organizationId, { seatIds: before.map((seat) => seat.id) });
  return {
    seats,
    missing:
      'seatIds' in query
        ? await endedSeats(context, tx, query.seatIds, seats)
        : await withoutSeat(context, tx, query, seats),
  };
}

function queryOf({ seatIds, holders }: SeatTarget): NamedSeats {
  if (holders == null) return { seatIds: [...new Set(seatIds)] };
  const query = {
    subscriptionIds: [...new Set(holders.subscriptionIds)],
    vppUserIds: [...new Set(holders.vppUserIds)],
  };
  if (query.subscriptionIds.length * query.vppUserIds.length > maxPairs)
    throw new InvalidInputError([
      { path: ['target', 'holders'], message: `at most ${maxPairs} pairs of subscription and user in one request` },
    ]);
  return query;
}

/** Named seats that have ended. Throws NOT_FOUND for ids of none. */
async function endedSeats(
  context: Context,
  tx: Tx,
  seatIds: readonly bigint[],
  seats: readonly LiveSeat[],
): Promise<RefusedSeat[]> {
  const live = new Set(seats.map((seat) => seat.id));
  const missing = seatIds.filter((id) => !live.has(id));
  if (missing.length === 0) return [];
  const { organizationId } = context.actor;
  const ended = await tx.seatAssignment.findMany({
    where: { organizationId, id: { in: missing } },
    orderBy: { id: 'asc' },
  });
  const known = new Set(ended.map((seat) => seat.id));
  const unknown = missing.filter((id) => !known.has(id));
  if (unknown.length > 0) throw new NotFoundError('seat', unknown.map(String), ['target', 'seatIds']);
  return ended.map(({ id: seatId, subscriptionId, vppUserId, clientUserId }) => {
    const user = { id: vppUserId, clientUserId };
    return { subscriptionId, user, seatId, error: new SeatNotAssignedError(clientUserId) };
  });
}

async function withoutSeat(
  context: Context,
  tx: Tx,
  query: { subscriptionIds: readonly bigint[]; vppUserIds: readonly bigint[] },
  seats: readonly LiveSeat[],
): Promise<RefusedSeat[]> {
  const users = await findVppUsers(context, tx, query.vppUserIds, ['target', 'holders', 'vppUserIds']);
  const held = new Set(seats.map((seat) => `${seat.subscriptionId}:${seat.vppUserId}`));
  return query.subscriptionIds.flatMap((subscriptionId) =>
    users
      .filter((user) => !held.has(`${subscriptionId}:${user.id}`))
      .map((user) => ({ subscriptionId, user, error: new SeatNotAssignedError(user.clientUserId) })),
  );
}
