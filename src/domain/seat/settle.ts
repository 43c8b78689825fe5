/** Settles a write of seats: each is done, sent again, or a failed item of the task. May come twice. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { closeCall, maxSends } from '../license/call.ts';
import { type ItemFailure, itemFailure, neverApplied } from '../license/item-failure.ts';
import { sumReported } from '../license/reported.ts';
import type { WriteFailure, WriteStatus } from '../ports.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { type CarriedSeat, carriedSeats, type SeatCall } from './carried.ts';
import { countSeatsFor } from './count-done.ts';
import { readPresentSeats, seatKey } from './read-present.ts';
import { lockSubscriptions, moveSeats, type SeatTransition } from './transition.ts';
import { lockSeatLibrary, readSeatsBy } from './wake.ts';

/** Done now, to leave at the end of the period, to be sent again, or not done for this reason. */
export type SeatVerdict = 'DONE' | 'DEFERRED' | 'AGAIN' | ItemFailure;

/** A seat of a call, judged. */
export interface JudgedSeat {
  seat: CarriedSeat;
  verdict: SeatVerdict;
}

/** How Apple's errors of seats are called here. */
const codes: Record<number, string> = {
  9709: 'NO_SEATS_AVAILABLE',
  9811: 'SEAT_SUBSCRIPTION_NOT_ACTIVE',
  9814: 'USER_NOT_ASSOCIATED',
  9815: 'SEAT_NOT_ASSIGNED',
  9817: 'SEAT_HELD_THROUGH_GROUP',
};
const notAssigned = 9815;
const throughGroup = 9817;

/** Milliseconds after the end of a write until Apple's numbers are read again. */
const readAfter = 10_000;

/** An item failure from Apple's number and text. */
export function seatFailure(appleErrorNumber: number | null, message: string): ItemFailure {
  const failure = itemFailure(appleErrorNumber, message);
  return { ...failure, code: codes[appleErrorNumber ?? 0] ?? failure.code };
}

/** Settles the call by what Apple said of it; null when that is not known: then its list of seats counts. */
export async function settleSeatCall(
  context: Context,
  claim: GateClaim,
  call: SeatCall,
  status: WriteStatus | null,
): Promise<void> {
  const seats = await carriedSeats(context.prisma, claim.organizationId, call.id);
  const judged = await judgeSeats(context, claim, call, status, seats);
  await settleSeats(context, claim, { ...call, callId: call.id }, judged);
}

async function judgeSeats(
  context: Context,
  claim: GateClaim,
  call: SeatCall,
  status: WriteStatus | null,
  seats: readonly CarriedSeat[],
): Promise<JudgedSeat[]> {
  const failures = status?.failures ?? [];
  const clear = status !== null && failures.every(namesOneSide);
  const whole = clear && failures.length === 0 && status.status === 'COMPLETE' && status.completed >= status.requested;
  if (whole) return seats.map((seat) => ({ seat, verdict: doneAs(call, seat) }));
  if (clear && failures.length > 0) {
    return seats.map((seat) => {
      const failure = failures.find((one) => names(one, seat));
      return { seat, verdict: failure ? verdictOf(call, seat, failure) : doneAs(call, seat) };
    });
  }
  const present = await readPresentSeats(context, claim, seats);
  return seats.map((seat) => {
    const held = present.get(seatKey(seat));
    const failure = failures.find((one) => names(one, seat));
    const otherwise = failure ? verdictOf(call, seat, failure) : again(seat, neverApplied);
    if (call.kind === 'ASSIGN_SEATS') return { seat, verdict: held === seat.renewing ? 'DONE' : otherwise };
    if (held === undefined) return { seat, verdict: 'DONE' };
    // The list does not show what is to leave at the end of the period; that Apple took the wish is all that it says.
    const taken = seat.removalDeferred && call.eventId !== null && !failure && status?.status !== 'FAILED';
    return { seat, verdict: taken ? 'DEFERRED' : otherwise };
  });
}

const doneAs = ({ kind }: Pick<SeatCall, 'kind'>, seat: CarriedSeat): SeatVerdict =>
  kind === 'REMOVE_SEATS' && seat.removalDeferred ? 'DEFERRED' : 'DONE';

/** Subscriptions and people are listed apart: with several of both, the pairs that failed are not said. */
const namesOneSide = ({ assets, clientUserIds }: WriteFailure): boolean =>
  assets.length + clientUserIds.length > 0 && (assets.length <= 1 || clientUserIds.length <= 1);

/** Whether a failure names the seat: by its subscription, its holder, or both where it lists both. */
export function names({ assets, clientUserIds }: WriteFailure, seat: CarriedSeat): boolean {
  if (assets.length + clientUserIds.length === 0) return false;
  const bySubscription = assets.length === 0 || assets.some((asset) => asset.adamId === seat.adamId);
  return bySubscription && (clientUserIds.length === 0 || clientUserIds.includes(seat.clientUserId));
}

/** What a failure that names the seat means for it. */
export function verdictOf({ kind }: Pick<SeatCall, 'kind'>, seat: CarriedSeat, failure: WriteFailure): SeatVerdict {
  if (kind === 'REMOVE_SEATS' && failure.appleErrorNumber === notAssigned) return 'DONE';
  const said = seatFailure(failure.appleErrorNumber || null, failure.message);
  return failure.again ? again(seat, said) : said;
}

const again = (seat: CarriedSeat, failure: ItemFailure): SeatVerdict => (seat.sends < maxSends ? 'AGAIN' : failure);

/** A call that is settled. */
export type SettledSeatCall = Pick<SeatCall, 'taskId' | 'kind'> & { callId: bigint; eventId?: string | null };

/** Settles the call by a verdict on each of its seats. `state`: REJECTED when Apple did nothing of it. */
export async function settleSeats(
  context: Context,
  claim: GateClaim,
  call: SettledSeatCall,
  judged: readonly JudgedSeat[],
  end: { state: 'SETTLED' | 'REJECTED'; errorNumber?: number | undefined } = { state: 'SETTLED' },
): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  await underGateClaim(context, claim, async (tx) => {
    await lockTasks(tx, organizationId, [call.taskId]);
    await lockSeatLibrary(tx, claim);
    // All that the call carries: those without a verdict go back to be sent again.
    await lockSubscriptions(
      tx,
      organizationId,
      sql`SELECT subscription_id FROM seat_assignment WHERE organization_id = ${organizationId} AND call_id = ${call.callId}`,
    );
    const settling = { context, tx, organizationId, call, now };
    for (const [failure, seats] of byFailure(judged)) await fail(settling, failure, sql`l.id = ANY (${ids(seats)})`);
    await finish(settling, of(judged, 'DONE'), call.kind === 'ASSIGN_SEATS' ? 'CONFIRM' : 'REMOVE');
    await finish(settling, of(judged, 'DEFERRED'), 'DEFER');
    await putBack(settling);
    await closeCall(tx, organizationId, call.callId, end.state, now, end.errorNumber);
    await sumReported(tx, organizationId, call.taskId);
    if (end.state === 'SETTLED') await noteProgress(tx, claim);
    context.failpoint('settling');
    await readSeatsBy(tx, claim, new Date(now.getTime() + readAfter));
    await endSettledTasks(tx, organizationId, [call.taskId], now);
  });
  context.failpoint('done');
}

const of = (judged: readonly JudgedSeat[], verdict: SeatVerdict) =>
  judged.filter((one) => one.verdict === verdict).map(({ seat }) => seat.id);

function byFailure(judged: readonly JudgedSeat[]): [ItemFailure, bigint[]][] {
  const groups = new Map<string, [ItemFailure, bigint[]]>();
  for (const { seat, verdict } of judged) {
    if (typeof verdict === 'string') continue;
    const key = JSON.stringify(verdict);
    const group = groups.get(key) ?? [verdict, []];
    group[1].push(seat.id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

interface Settling {
  context: Context;
  tx: Tx;
  organizationId: bigint;
  call: SettledSeatCall;
  now: Date;
}

const ownOf = (kind: SeatCall['kind']) => (kind === 'ASSIGN_SEATS' ? ('taskId' as const) : ('removalTaskId' as const));

async function fail(settling: Settling, failure: ItemFailure, where: Sql): Promise<void> {
  const { tx, organizationId, call } = settling;
  const whose = ownOf(call.kind);
  const moved = await move(settling, whose === 'taskId' ? 'FAIL' : 'KEEP', where, {
    reason: failure.code,
    failure: { ...failure, of: whose },
    ...(failure.appleErrorNumber === throughGroup ? { set: sql`through_group = true` } : {}),
  });
  await countSeatsFor(tx, organizationId, moved, whose, 'failed');
}

async function finish(settling: Settling, seatIds: readonly bigint[], kind: SeatTransition): Promise<void> {
  if (seatIds.length === 0) return;
  const { tx, organizationId, call } = settling;
  const moved = await move(
    settling,
    kind,
    sql`l.id = ANY (${ids(seatIds)})`,
    kind === 'REMOVE' ? { reason: 'REMOVED' } : {},
  );
  await countSeatsFor(tx, organizationId, moved, ownOf(call.kind), 'completed');
}

/** What Apple did not do waits to be sent again, unless its task was cancelled. */
async function putBack(settling: Settling): Promise<void> {
  const { tx, organizationId, call } = settling;
  const [task] = await tx.$queryRaw<{ cancelled: boolean }[]>(sql`
    SELECT cancel_requested_at IS NOT NULL AS cancelled FROM task WHERE organization_id = ${organizationId} AND id = ${call.taskId}`);
  const rest = sql`true`;
  if (task?.cancelled) {
    const failure = { code: 'CANCELLED', message: 'Cancelled before Apple had done it.', appleErrorNumber: null };
    return fail(settling, failure, rest);
  }
  await move(settling, call.kind === 'ASSIGN_SEATS' ? 'RESEND' : 'RESEND_REMOVAL', rest, { reason: 'NOT_APPLIED' });
}

function move(
  { context, tx, organizationId, call, now }: Settling,
  kind: SeatTransition,
  where: Sql,
  more: Partial<Parameters<typeof moveSeats>[2]>,
) {
  return moveSeats(tx, kind, {
    organizationId,
    where: sql`l.call_id = ${call.callId} AND ${where}`,
    now,
    actor: context.actor,
    taskId: call.taskId,
    appleEventId: call.eventId ?? null,
    ...more,
  });
}
