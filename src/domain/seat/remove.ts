import { z } from 'zod';
import { ids, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, SeatChangeInProgressError, SeatNotAssignedError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { lockGates } from '../license/lock-gates.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { countFor } from '../task/count-for.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { findVppUsers } from '../vpp-user/find.ts';
import { idempotencyKey, maxPairs, onError, subscriptionIds, vppUserIds } from './input.ts';
import { moveSeats } from './transition.ts';
import { asFailure, type LiveSeat, type LiveSeatQuery, lockNamed, type RefusedSeat, readLiveSeats } from './world.ts';

const target = z
  .object({
    seatIds: z.array(z.bigint()).min(1, 'name at least one').max(maxPairs).nullish(),
    holders: z.object({ subscriptionIds, vppUserIds }).nullish(),
  })
  .refine(
    ({ seatIds, holders }) => (seatIds == null) !== (holders == null),
    'name seats by exactly one of seatIds, holders',
  );

const inputSchema = z.object({
  target,
  deferred: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  onError,
  idempotencyKey,
});

/** Input of {@link removeSeats}. */
export type RemoveSeatsInput = z.input<typeof inputSchema>;
/** The parsed request. */
export type SeatRemoval = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

/**
 * Takes seats back: at once, or `deferred` at the end of the period. A request that was not sent yet is cancelled.
 * Throws SEAT_NOT_ASSIGNED, SEAT_CHANGE_IN_PROGRESS, SEATS_NOT_ENABLED, NOT_FOUND, TOKEN_EXPIRED, TOKEN_NOT_USABLE.
 */
export async function removeSeats(context: Context, rawInput: RemoveSeatsInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'removeSeats', key, input: request }, async () => [
      await startSeatRemoval(context, tx, request),
    ]),
  );
}

/** Starts the task inside a transaction. */
export async function startSeatRemoval(
  context: Context,
  tx: Tx,
  request: SeatRemoval,
  retryOf?: bigint,
): Promise<bigint> {
  const { organizationId } = context.actor;
  const { seats, missing } = await lockSeats(context, tx, request);
  const refused = [...missing, ...seats.flatMap((seat) => refusal(seat, request.deferred))];
  const refusedIds = new Set(refused.map((one) => one.seatId));
  const takeable = seats.filter((seat) => !refusedIds.has(seat.id));
  if (request.onError === 'ATOMIC') throwFirst(takeable, refused);

  const tokenIds = [...new Set(takeable.map((seat) => seat.tokenId))].sort((a, b) => (a < b ? -1 : 1));
  const taskId = await startTask(context, tx, {
    kind: 'REMOVE_SEATS',
    requested: takeable.length + refused.length,
    tokenIds,
    request,
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  const key = { organizationId, taskId };
  await recordFailures(tx, key, refused.map(asFailure));
  if (refused.length > 0) await addProgress(tx, key, { failed: refused.length });
  const askers = await takeBack(context, tx, taskId, takeable, request.deferred);
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'seat.remove' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: { seats: takeable.length, deferred: request.deferred },
  });
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [taskId, ...askers], context.clock.now());
  return taskId;
}

/** What is named, with gates, tasks and subscriptions locked in this order, as they are under the locks. */
async function lockSeats(
  context: Context,
  tx: Tx,
  request: SeatRemoval,
): Promise<{ seats: LiveSeat[]; missing: RefusedSeat[] }> {
  const { organizationId } = context.actor;
  const query = queryOf(request);
  const before = await readLiveSeats(tx, organizationId, query);
  await lockGates(
    tx,
    organizationId,
    before.map((seat) => seat.tokenId),
  );
  await lockTasks(tx, organizationId, [...new Set(before.flatMap((seat) => (seat.unsent ? (seat.taskId ?? []) : [])))]);
  const named = 'seatIds' in query ? before.map((seat) => seat.subscriptionId) : query.subscriptionIds;
  await lockNamed(context, tx, named);
  // One that came in between came after the removal: its gate and its task are not locked.
  const seats = await readLiveSeats(tx, organizationId, { seatIds: before.map((seat) => seat.id) });
  return {
    seats,
    missing: 'seatIds' in query ? missingOf(query.seatIds, seats) : await withoutSeat(context, tx, query, seats),
  };
}

function queryOf({ target: { seatIds, holders } }: SeatRemoval): LiveSeatQuery {
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

/** Ids of seats that have ended, or never were. */
function missingOf(seatIds: readonly bigint[], seats: readonly LiveSeat[]): RefusedSeat[] {
  const found = new Set(seats.map((seat) => seat.id));
  const missing = seatIds.filter((id) => !found.has(id));
  return missing.map((seatId) => {
    const user = { id: 0n, clientUserId: `of seat ${seatId}` };
    return { subscriptionId: 0n, user, seatId, error: new SeatNotAssignedError(user.clientUserId) };
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

function refusal(seat: LiveSeat, deferred: boolean): RefusedSeat[] {
  const doing = doingOf(seat, deferred);
  if (!doing) return [];
  const { subscriptionId, vppUserId, clientUserId, id: seatId } = seat;
  const error = new SeatChangeInProgressError(clientUserId, doing);
  return [{ subscriptionId, user: { id: vppUserId, clientUserId }, seatId, error }];
}

function doingOf({ state, unsent }: LiveSeat, deferred: boolean): 'ASSIGNED' | 'REMOVED' | 'DEFERRED' | null {
  if (state === 'CONFIRMED' || unsent) return null;
  if (state === 'REMOVAL_DEFERRED') return deferred ? 'DEFERRED' : null;
  return state === 'REQUESTED' || state === 'PENDING_AT_APPLE' ? 'ASSIGNED' : 'REMOVED';
}

/** What is just being assigned stops an ATOMIC request; what has no seat, or loses it anyway, only when nothing else is to do. */
function throwFirst(takeable: readonly LiveSeat[], refused: readonly RefusedSeat[]): void {
  const blocking = refused.find(
    ({ error }) => error instanceof SeatChangeInProgressError && error.doing === 'ASSIGNED',
  );
  if (blocking) throw blocking.error;
  if (takeable.length === 0 && refused[0]) throw refused[0].error;
}

/** Cancels what Apple has never heard of, and has the rest sent. Gives the tasks that had asked for what is cancelled. */
async function takeBack(
  context: Context,
  tx: Tx,
  taskId: bigint,
  seats: readonly LiveSeat[],
  deferred: boolean,
): Promise<bigint[]> {
  if (seats.length === 0) return [];
  const { organizationId } = context.actor;
  const mine = sql`l.id = ANY (${ids(seats.map((seat) => seat.id))})`;
  const common = { organizationId, now: context.clock.now(), actor: context.actor, taskId };
  const mark = sql`removal_task_id = ${taskId}, removal_deferred = ${deferred}`;
  const cancelled = await moveSeats(tx, 'CANCEL', {
    ...common,
    where: sql`${mine} AND l.call_id IS NULL`,
    reason: 'CANCELLED',
    set: mark,
    failure: { code: 'CANCELLED', message: 'Taken back before it was sent to Apple.', of: 'taskId' },
  });
  const askers = await countFor(tx, organizationId, cancelled, 'taskId', 'failed');
  if (cancelled.count > 0) await addProgress(tx, { organizationId, taskId }, { completed: cancelled.count });
  await moveSeats(tx, 'REQUEST_REMOVAL', { ...common, where: mine, set: mark });
  return askers;
}
