import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type KeyedResult, once } from '../idempotency.ts';
import type { Pair } from '../install/facts.ts';
import { type Live, lockLive } from '../license/find-live.ts';
import { lockGates } from '../license/lock-gates.ts';
import { takeBackLicenses } from '../license/take-back.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import { requireConnection } from '../mdm/require-connection.ts';
import { parseInput } from '../parse.ts';
import { type RemovalsOfLicenses, removalsOfLicenses } from '../removal/of-licenses.ts';
import { addRemovals } from '../removal/start.ts';
import { askersOf } from '../seat/find-live.ts';
import { takeBackSeats } from '../seat/take-back.ts';
import { lockSubscriptions } from '../seat/transition.ts';
import { type LiveSeat, readLiveSeats } from '../seat/world.ts';
import { addProgress } from '../task/change.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks } from '../task/settle.ts';
import { announceTask, startTask } from '../task/start.ts';
import { requireUsableToken } from '../token/require-usable.ts';
import { idempotencyKey } from '../write-input.ts';
import { lockVppUsers, refuseInactive } from './find.ts';
import { userIds } from './input.ts';
import { addWrites } from './writes.ts';

const inputSchema = z.object({ vppUserIds: userIds, removeApps: z.boolean().nullish(), idempotencyKey });

/** How its input is parsed; a plan parses it in the same way. */
export const retirementInput = inputSchema;
/** Input of {@link retireVppUsers}. */
export type RetireUsersInput = z.input<typeof inputSchema>;

/**
 * Retires people: first every license and every seat is taken back that can be, then Apple retires them, then they and the
 * counts are read again. What can't be taken back, as books, stays spent. Those who are retired already or just being retired need
 * nothing; without anybody else that is the refusal. `removeApps` removes the apps of these licenses from the people's devices
 * as well; an app that another license allows there stays.
 * Throws MDM_NOT_CONNECTED, NOT_FOUND, USER_NOT_ACTIVE, TOKEN_EXPIRED, TOKEN_NOT_USABLE, IDEMPOTENCY_KEY_REUSED.
 */
export async function retireVppUsers(context: Context, rawInput: RetireUsersInput): Promise<KeyedResult> {
  requireRight(context, 'users:write');
  const { idempotencyKey: key, ...request } = parseInput(inputSchema, rawInput);
  return transaction(context, (tx) =>
    once(context, tx, { operation: 'retireVppUsers', key, input: request }, async () => [
      await startRetirement(context, tx, request),
    ]),
  );
}

/** Whom to retire. */
export interface Retirement {
  vppUserIds: readonly bigint[];
  /** Their apps go from their devices, too. */
  removeApps?: boolean | null | undefined;
  /** Apps of licenses that went back before, which go, too. */
  pairs?: readonly Pair[];
}

/** Starts the task inside a transaction. */
export async function startRetirement(
  context: Context,
  tx: Tx,
  { vppUserIds, removeApps, pairs = [] }: Retirement,
  retryOf?: bigint,
): Promise<bigint> {
  if (removeApps) requireRight(context, 'devices:write');
  const { organizationId } = context.actor;
  const tokens = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT DISTINCT token_id AS id FROM vpp_user WHERE organization_id = ${organizationId} AND id = ANY (${ids(vppUserIds)}) ORDER BY 1`);
  const tokenIds = tokens.map((token) => token.id);
  for (const tokenId of tokenIds) await requireUsableToken(context, tx, tokenId);
  // Every gate before any task: those of people without a license, too.
  await lockGates(tx, organizationId, tokenIds);
  const seatsBefore = await readLiveSeats(tx, organizationId, { vppUserIds });
  const { licenses } = await lockLive(context, tx, { target: { vppUserIds } }, askersOf(seatsBefore));
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT unnest(${ids(seatsBefore.map((seat) => seat.subscriptionId))})`,
  );
  const seats = await readLiveSeats(tx, organizationId, { seatIds: seatsBefore.map((seat) => seat.id) });
  const users = await lockVppUsers(context, tx, vppUserIds, 'TO_CHANGE', ['vppUserIds']);
  const refusals = users.map((user) => refuseInactive(user, ['vppUserIds'], { requested: true }));
  const leaving = users.filter((_user, at) => refusals[at] === null);
  if (leaving.length === 0) throw refusals[0]!;
  const leavers = new Set(leaving.map((user) => user.id));
  const ending = licenses.filter(
    ({ vppUserId, unsent, revocable }) => vppUserId !== null && leavers.has(vppUserId) && (unsent || revocable),
  );
  const takeable = ending.filter(({ unsent, revoking }) => unsent || !revoking);
  const apps = removeApps ? await appsOfLeavers(context, tx, ending, pairs) : null;
  const removable = seats.filter((seat) => leavers.has(seat.vppUserId) && comesBack(seat));
  await tx.$executeRaw(sql`
    UPDATE vpp_user SET retiring = true, updated_at = ${moment(context.clock.now())}
    WHERE organization_id = ${organizationId} AND id = ANY (${ids([...leavers])})`);

  const taskId = await startTask(context, tx, {
    kind: 'RETIRE_USERS',
    requested:
      takeable.length + removable.length + leaving.length + (apps ? apps.removals.length + apps.failures.length : 0),
    request: { removeApps: removeApps ?? false },
    tokenIds: [...new Set(leaving.map((user) => user.tokenId))],
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  if (apps) await startRemovals(context, tx, taskId, apps);
  const { askers } = await takeBackLicenses(
    context,
    tx,
    taskId,
    takeable.map((license) => license.id),
  );
  const seatAskers = await takeBackSeats(
    context,
    tx,
    taskId,
    removable.map((seat) => seat.id),
    false,
  );
  for (const tokenId of tokenIds) {
    const mine = leaving.filter((user) => user.tokenId === tokenId).map((user) => ({ userId: user.id }));
    await addWrites(tx, { organizationId, tokenId, taskId, kind: 'RETIRE_USERS' }, mine);
  }
  await recordAudit(context, tx, {
    action: retryOf === undefined ? 'vpp-user.retire' : 'task.retry',
    subject: `task:${taskId}`,
    taskId,
    data: {
      users: leaving.length,
      licenses: takeable.length,
      seats: removable.length,
      removals: apps?.removals.length ?? 0,
    },
  });
  for (const tokenId of tokenIds) await wakeWriter(tx, { organizationId, tokenId });
  await announceTask(context, tx, taskId);
  await endSettledTasks(tx, organizationId, [...new Set([...askers, ...seatAskers])], context.clock.now());
  return taskId;
}

/**
 * What the people have on their devices. Their licenses don't wait for it: who leaves may be out of reach for weeks, and
 * Apple lets the apps run on for 30 days at most.
 */
async function appsOfLeavers(
  context: Context,
  tx: Tx,
  ending: readonly Live[],
  more: readonly Pair[],
): Promise<RemovalsOfLicenses> {
  await requireConnection(context, tx);
  const { removals, failures } = await removalsOfLicenses(context, tx, ending, more);
  return { removals: removals.map((one) => ({ ...one, licenseId: null })), failures };
}

async function startRemovals(
  context: Context,
  tx: Tx,
  taskId: bigint,
  { removals, failures }: RemovalsOfLicenses,
): Promise<void> {
  const task = { organizationId: context.actor.organizationId, taskId };
  const started = await addRemovals(context, tx, taskId, 'APP_FIRST', removals);
  await recordFailures(tx, task, failures);
  await addProgress(tx, task, { failed: failures.length, requested: started.length - removals.length });
}

/** Whether a seat is to be taken back now: one that leaves anyway does not need it, one through a group can't be. */
const comesBack = ({ state, throughGroup }: LiveSeat): boolean =>
  !throughGroup && state !== 'REMOVAL_REQUESTED' && state !== 'REMOVAL_PENDING';
