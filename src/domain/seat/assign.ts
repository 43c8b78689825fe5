import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { actorLabel } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import {
  InvalidInputError,
  NoSeatsAvailableError,
  SeatAlreadyAssignedError,
  SeatSubscriptionNotActiveError,
  UserNotAssociatedError,
  UserOfOtherLibraryError,
} from '../errors.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { parseInput } from '../parse.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { type FoundUser, lockVppUsers, standing } from '../vpp-user/find.ts';
import { idempotencyKey, onError } from '../write-input.ts';
import { maxPairs, subscriptionIds, vppUserIds } from './input.ts';
import { readSeatsBy } from './wake.ts';
import { asFailure, lockNamed, type RefusedSeat, readLiveSeats, type Subscription } from './world.ts';

const inputSchema = z.object({ subscriptionIds, vppUserIds, renewing: z.boolean(), onError, idempotencyKey });

/** Input of {@link assignSeats}. */
export type AssignSeatsInput = z.input<typeof inputSchema>;
/** The parsed request, as its task keeps it. */
export type SeatRequest = Omit<z.output<typeof inputSchema>, 'idempotencyKey'>;

/**
 * Gives every person a seat of every subscription, of the kind that renews with the period or the one that ends with it.
 * Seats are reserved and the task is on its way when this returns; never more than there are of the kind.
 * Throws NO_SEATS_AVAILABLE, SEAT_SUBSCRIPTION_NOT_ACTIVE, USER_NOT_ASSOCIATED, USER_OF_OTHER_LIBRARY,
 * SEAT_ALREADY_ASSIGNED, SEATS_NOT_ENABLED, NOT_FOUND, TOKEN_EXPIRED, TOKEN_NOT_USABLE.
 */
export async function assignSeats(context: Context, rawInput: AssignSeatsInput): Promise<KeyedResult> {
  requireRight(context, 'licenses:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  try {
    return await transaction(context, (tx) =>
      once(context, tx, { operation: 'assignSeats', key, input: request }, async () => [
        await startSeatAssignment(context, tx, request),
      ]),
    );
  } catch (error) {
    if (error instanceof NoSeatsAvailableError) await readNumbersAgain(context, request);
    throw error;
  }
}

/** Whoever was refused for want of seats may know of a purchase that Russet has not seen. */
function readNumbersAgain(context: Context, request: SeatRequest): Promise<void> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const tokens = await tx.$queryRaw<{ tokenId: bigint }[]>(sql`
      SELECT DISTINCT token_id AS "tokenId" FROM seat_subscription
      WHERE organization_id = ${organizationId} AND id = ANY (${ids(request.subscriptionIds)}) ORDER BY 1`);
    for (const { tokenId } of tokens) await readSeatsBy(tx, { organizationId, tokenId }, context.clock.now());
  });
}

/** A second try of another task's failed items: `only` holds the pairs, as `subscription:user`. */
export interface SeatRetry {
  retryOf: bigint;
  only: ReadonlySet<string>;
}

interface Pair {
  subscription: Subscription;
  user: FoundUser;
}

/** Starts the task inside a transaction. */
export async function startSeatAssignment(
  context: Context,
  tx: Tx,
  request: SeatRequest,
  retry?: SeatRetry,
): Promise<bigint> {
  const { organizationId } = context.actor;
  const subscriptions = await lockNamed(context, tx, request.subscriptionIds);
  const users = await lockVppUsers(context, tx, request.vppUserIds, 'TO_KEEP', ['vppUserIds']);
  const pairs = subscriptions
    .flatMap((subscription) => users.map((user) => ({ subscription, user })))
    .filter(({ subscription, user }) => retry?.only.has(`${subscription.id}:${user.id}`) ?? true);
  if (pairs.length > maxPairs)
    throw new InvalidInputError([
      { path: ['vppUserIds'], message: `at most ${maxPairs} pairs of subscription and user in one request` },
    ]);
  const { granted, refused } = await decide(context, tx, request, pairs);
  if (request.onError === 'ATOMIC') throwFirst(granted, refused);

  const tokenIds = [...new Set(granted.map(({ subscription }) => subscription.tokenId))].sort((a, b) =>
    a < b ? -1 : 1,
  );
  const taskId = await startTask(context, tx, {
    kind: 'ASSIGN_SEATS',
    requested: pairs.length,
    tokenIds,
    request,
    ...(retry ? { retryOf: retry.retryOf } : {}),
  });
  const key = { organizationId, taskId };
  await recordFailures(tx, key, refused.map(asFailure));
  if (refused.length > 0) await addProgress(tx, key, { failed: refused.length });
  await reserveSeats(context, tx, taskId, granted, request.renewing);
  await recordAudit(context, tx, {
    action: retry ? 'task.retry' : 'seat.assign',
    subject: `task:${taskId}`,
    taskId,
    data: { subscriptionIds: request.subscriptionIds, seats: granted.length, renewing: request.renewing },
  });
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  if (granted.length === 0) await endSettledTasks(tx, organizationId, [taskId], context.clock.now());
  return taskId;
}

/** A seat that is held already needs no second one: it never stops the others. */
function throwFirst(granted: readonly Pair[], refused: readonly RefusedSeat[]): void {
  const blocking = refused.find(({ error }) => !(error instanceof SeatAlreadyAssignedError));
  if (blocking) throw blocking.error;
  if (granted.length === 0 && refused[0]) throw refused[0].error;
}

async function decide(
  context: Context,
  tx: Tx,
  { renewing }: SeatRequest,
  pairs: readonly Pair[],
): Promise<{ granted: Pair[]; refused: RefusedSeat[] }> {
  const live = await readLiveSeats(tx, context.actor.organizationId, {
    subscriptionIds: [...new Set(pairs.map(({ subscription }) => subscription.id))],
    vppUserIds: [...new Set(pairs.map(({ user }) => user.id))],
  });
  const held = new Map(live.map((seat) => [`${seat.subscriptionId}:${seat.vppUserId}`, seat]));
  const refused: RefusedSeat[] = [];
  const wanted = pairs.filter(({ subscription, user }) => {
    const error = refuse(subscription, user, held.get(`${subscription.id}:${user.id}`));
    if (error) refused.push({ subscriptionId: subscription.id, user, error });
    return !error;
  });
  const granted: Pair[] = [];
  for (const subscription of new Set(wanted.map((pair) => pair.subscription))) {
    const mine = wanted.filter((pair) => pair.subscription === subscription);
    const available = renewing ? subscription.freeRenewing : subscription.freeExpiring;
    const free = available > 0n ? Number(available) : 0;
    granted.push(...mine.slice(0, free));
    const { adamId, asOf } = subscription;
    for (const { user } of mine.slice(free)) {
      const error = new NoSeatsAvailableError(adamId, renewing, mine.length, BigInt(free), asOf);
      refused.push({ subscriptionId: subscription.id, user, error });
    }
  }
  return { granted, refused };
}

function refuse(subscription: Subscription, user: FoundUser, held: { renewing: boolean } | undefined) {
  if (user.tokenId !== subscription.tokenId) return new UserOfOtherLibraryError(user.id, user.clientUserId);
  if (held) return new SeatAlreadyAssignedError(user.clientUserId, held.renewing);
  if (user.status !== 'ASSOCIATED' || user.retiring)
    return new UserNotAssociatedError(user.id, user.clientUserId, standing(user));
  if (subscription.status !== 'ACTIVE')
    return new SeatSubscriptionNotActiveError(subscription.adamId, subscription.status);
  return null;
}

/** The seats, their ledger lines and what is reserved, in one statement; a trigger refuses more than is free. */
async function reserveSeats(
  context: Context,
  tx: Tx,
  taskId: bigint,
  granted: readonly Pair[],
  renewing: boolean,
): Promise<void> {
  if (granted.length === 0) return;
  const { organizationId } = context.actor;
  const now = moment(context.clock.now());
  await tx.$executeRaw(sql`
    WITH made AS (
      INSERT INTO seat_assignment (organization_id, subscription_id, token_id, adam_id, client_user_id, vpp_user_id, renewing, state, source,
                                   task_id, started_at, changed_at)
      SELECT ${organizationId}, s.id, s.token_id, s.adam_id, u.client_user_id, u.id, ${renewing}, 'REQUESTED', 'RUSSET', ${taskId}, ${now}, ${now}
      FROM unnest(${ids(granted.map(({ subscription }) => subscription.id))}, ${ids(granted.map(({ user }) => user.id))})
        WITH ORDINALITY AS g(subscription_id, user_id, place)
      JOIN seat_subscription s ON s.organization_id = ${organizationId} AND s.id = g.subscription_id
      JOIN vpp_user u ON u.organization_id = ${organizationId} AND u.id = g.user_id
      ORDER BY g.place RETURNING id, subscription_id
    ), written AS (
      INSERT INTO seat_ledger (organization_id, at, subscription_id, seat_id, kind, held_renewing_delta, held_expiring_delta,
                               reserved_renewing_delta, reserved_expiring_delta, task_id, actor)
      SELECT ${organizationId}, ${now}, subscription_id, id, 'REQUEST', 0, 0, ${renewing ? 1 : 0}, ${renewing ? 0 : 1}, ${taskId},
             ${actorLabel(context.actor)} FROM made
    )
    UPDATE seat_subscription s SET reserved_renewing = reserved_renewing + d.n * ${renewing ? 1 : 0},
      reserved_expiring = reserved_expiring + d.n * ${renewing ? 0 : 1}
    FROM (SELECT subscription_id, count(*) AS n FROM made GROUP BY 1) d
    WHERE s.organization_id = ${organizationId} AND s.id = d.subscription_id`);
}
