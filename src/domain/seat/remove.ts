import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type DomainError, SeatChangeInProgressError, SeatNotAssignedError, SeatsNotEnabledError } from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { findToken } from '../token/find.ts';
import { isUsable, tokenRefusal, tokenState } from '../token/state.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { lockSeats } from './find-live.ts';
import { maxPairs, subscriptionIds, vppUserIds } from './input.ts';
import { takeBackSeats } from './take-back.ts';
import { asFailure, type LiveSeat, type RefusedSeat } from './world.ts';

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
  const { seats, missing } = await lockSeats(context, tx, request.target);
  const refused = [...missing, ...(await refuse(context, tx, seats, request.deferred))];
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
  const askers = await takeBackSeats(
    context,
    tx,
    taskId,
    takeable.map((seat) => seat.id),
    request.deferred,
  );
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

/** Every seat that can't be taken back, and why. What Apple has never heard of is cancelled whatever the token. */
async function refuse(context: Context, tx: Tx, seats: readonly LiveSeat[], deferred: boolean): Promise<RefusedSeat[]> {
  const sent = seats.filter((seat) => !seat.unsent);
  const closed = await closedTokens(
    context,
    tx,
    sent.map((seat) => seat.tokenId),
  );
  return sent.flatMap((seat) => {
    const { subscriptionId, tokenId, vppUserId, clientUserId, id: seatId } = seat;
    const doing = doingOf(seat, deferred);
    const error = doing ? new SeatChangeInProgressError(clientUserId, doing) : closed.get(tokenId);
    return error ? [{ subscriptionId, user: { id: vppUserId, clientUserId }, seatId, error }] : [];
  });
}

/** Tokens through which nothing of seats can be written now, and why. */
async function closedTokens(context: Context, tx: Tx, tokenIds: readonly bigint[]): Promise<Map<bigint, DomainError>> {
  const { organizationId } = context.actor;
  const distinct = [...new Set(tokenIds)];
  const libraries = await tx.seatLibrary.findMany({ where: { organizationId, tokenId: { in: distinct } } });
  const enabled = new Set(libraries.filter(({ enabledAt }) => enabledAt !== null).map(({ tokenId }) => tokenId));
  const closed = new Map<bigint, DomainError>();
  for (const tokenId of distinct) {
    const token = await findToken(context, tx, tokenId, { removed: true });
    const state = tokenState(token, context.clock.now(), context.settings);
    if (!isUsable(state)) closed.set(tokenId, tokenRefusal(token, state));
    else if (!enabled.has(tokenId)) closed.set(tokenId, new SeatsNotEnabledError(tokenId, token.label));
  }
  return closed;
}

function doingOf({ state, unsent }: LiveSeat, deferred: boolean): 'ASSIGNED' | 'REMOVED' | 'DEFERRED' | null {
  if (state === 'CONFIRMED' || unsent) return null;
  if (state === 'REMOVAL_DEFERRED') return deferred ? 'DEFERRED' : null;
  return state === 'REQUESTED' || state === 'PENDING_AT_APPLE' ? 'ASSIGNED' : 'REMOVED';
}

/** What has no seat, or loses it anyway, stops an ATOMIC request only when nothing else is to do. */
function throwFirst(takeable: readonly LiveSeat[], refused: readonly RefusedSeat[]): void {
  const blocking = refused.find(
    ({ error }) =>
      !(error instanceof SeatNotAssignedError) &&
      !(error instanceof SeatChangeInProgressError && error.doing !== 'ASSIGNED'),
  );
  if (blocking) throw blocking.error;
  if (takeable.length === 0 && refused[0]) throw refused[0].error;
}
