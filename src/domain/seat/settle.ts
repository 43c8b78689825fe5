/** Settles a write of seats: each is done, sent again, or a failed item of the task. May come twice. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { closeCall, putOffRest } from '../license/call.ts';
import type { ItemFailure } from '../license/item-failure.ts';
import { sumReported } from '../license/reported.ts';
import { AppleFailure, type WriteStatus } from '../ports.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { countFor } from '../task/count-for.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { type CarriedSeat, carriedSeats, type SeatCall } from './carried.ts';
import { isClear, type JudgedSeat, judgeByList, judgeByWord, seatFailure, throughGroup } from './judge.ts';
import { readPresentSeats, seatKey } from './read-present.ts';
import { lockSubscriptions, moveSeats, type SeatTransition } from './transition.ts';
import { lockSeatLibrary, readSeatsBy } from './wake.ts';

/** Milliseconds after the end of a write until Apple's numbers are read again. */
const readAfter = 10_000;

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
  if (isClear(status)) return seats.map((seat) => ({ seat, verdict: judgeByWord(call, seat, status.failures) }));
  try {
    const present = await readPresentSeats(context, claim, seats);
    return seats.map((seat) => ({ seat, verdict: judgeByList(call, seat, status, present.get(seatKey(seat))) }));
  } catch (error) {
    const number = error instanceof AppleFailure && error.kind === 'REJECTED' ? error.appleErrorNumber : undefined;
    if (number === undefined) throw error;
    // Apple will never say what became of it: the next reading shows it, and nothing else has to wait.
    const verdict = seatFailure(number, (error as AppleFailure).message);
    return seats.map((seat) => ({ seat, verdict }));
  }
}

/** A call that is settled. */
export type SettledSeatCall = Pick<SeatCall, 'taskId' | 'kind'> & { callId: bigint; eventId?: string | null };

interface CallEnd {
  state: 'SETTLED' | 'REJECTED';
  errorNumber?: number | undefined;
}

/** Settles the call by a verdict on each of its seats. `state`: REJECTED when Apple did nothing of it. */
export async function settleSeats(
  context: Context,
  claim: GateClaim,
  call: SettledSeatCall,
  judged: readonly JudgedSeat[],
  end: CallEnd = { state: 'SETTLED' },
): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  await underGateClaim(context, claim, async (tx) => {
    const taskIds = [call.taskId, ...(await removalsBehind(tx, organizationId, call))];
    await lockTasks(tx, organizationId, taskIds);
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
    await leaveRest(settling, judged, end);
    await sumReported(tx, organizationId, call.taskId);
    if (end.state === 'SETTLED') await noteProgress(tx, claim);
    context.failpoint('settling');
    await readSeatsBy(tx, claim, new Date(now.getTime() + readAfter));
    await endSettledTasks(tx, organizationId, taskIds, now);
  });
  context.failpoint('done');
}

/** Tasks that take back what the call gives. Whoever comes to wait behind it holds the gate, as the caller does. */
async function removalsBehind(tx: Tx, organizationId: bigint, call: SettledSeatCall): Promise<bigint[]> {
  if (call.kind !== 'ASSIGN_SEATS') return [];
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT DISTINCT l.removal_task_id AS id FROM seat_assignment l
    WHERE l.organization_id = ${organizationId} AND l.call_id = ${call.callId} AND ${waitedFor}`);
  return rows.map((row) => row.id);
}

/** On its way, and to be taken back when it is there. */
const waitedFor = sql`l.state IN ('REQUESTED', 'PENDING_AT_APPLE') AND l.removal_task_id IS NOT NULL`;

/** What is neither done nor failed goes back to be sent again; later, where Apple asked for it. */
async function leaveRest(settling: Settling, judged: readonly JudgedSeat[], end: CallEnd): Promise<void> {
  const { tx, organizationId, call, now } = settling;
  const waits = judged.flatMap(({ verdict }) => (typeof verdict === 'object' && 'wait' in verdict ? [verdict] : []));
  const longest = waits.toSorted((a, b) => b.wait - a.wait)[0];
  if (longest && longest.wait > 0) {
    const later = { at: new Date(now.getTime() + longest.wait), errorNumber: longest.errorNumber };
    return putOffRest(tx, organizationId, call.callId, later);
  }
  await putBack(settling);
  await closeCall(tx, organizationId, call.callId, end.state, now, end.errorNumber);
}

const of = (judged: readonly JudgedSeat[], verdict: 'DONE' | 'DEFERRED') =>
  judged.filter((one) => one.verdict === verdict).map(({ seat }) => seat.id);

function byFailure(judged: readonly JudgedSeat[]): [ItemFailure, bigint[]][] {
  const groups = new Map<string, [ItemFailure, bigint[]]>();
  for (const { seat, verdict } of judged) {
    if (typeof verdict === 'string' || 'wait' in verdict) continue;
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
  await countFor(tx, organizationId, moved, whose, 'failed');
  // A removal that waited behind the request has what it wanted.
  if (whose === 'taskId') await countFor(tx, organizationId, moved, 'removalTaskId', 'completed');
}

async function finish(settling: Settling, seatIds: readonly bigint[], kind: SeatTransition): Promise<void> {
  if (seatIds.length === 0) return;
  const { tx, organizationId, call } = settling;
  const which = sql`l.id = ANY (${ids(seatIds)})`;
  const behind = kind === 'CONFIRM' ? await waitedForOf(settling, which) : [];
  const moved = await move(settling, kind, which, kind === 'REMOVE' ? { reason: 'REMOVED' } : {});
  await countFor(tx, organizationId, moved, ownOf(call.kind), 'completed');
  if (behind.length > 0) await goBack(settling, behind);
}

async function waitedForOf({ tx, organizationId, call }: Settling, which: Sql): Promise<bigint[]> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT l.id FROM seat_assignment l
    WHERE l.organization_id = ${organizationId} AND l.call_id = ${call.callId} AND ${which} AND ${waitedFor}`);
  return rows.map((row) => row.id);
}

/** A removal that waited behind the request goes its way now. */
async function goBack({ context, tx, organizationId, call, now }: Settling, seatIds: readonly bigint[]): Promise<void> {
  const common = { organizationId, now, actor: context.actor, taskId: call.taskId };
  await moveSeats(tx, 'REQUEST_REMOVAL', { ...common, where: sql`l.id = ANY (${ids(seatIds)})` });
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
  if (call.kind === 'ASSIGN_SEATS') {
    const failure = { code: 'CANCELLED', message: 'Taken back before Apple had done it.', appleErrorNumber: null };
    await fail(settling, failure, sql`l.removal_task_id IS NOT NULL`);
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
