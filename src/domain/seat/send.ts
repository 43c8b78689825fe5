/** Sends one write of seats to Apple and keeps what came of it. @module */
import { ids, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { acceptCall, doubtCall, noteCall, type OfSeats, requireTimely } from '../license/call.ts';
import { alreadySo } from '../license/item-failure.ts';
import type { SendingManner, Size } from '../license/sending-manner.ts';
import type { NextWork } from '../license/write-down.ts';
import { type AcceptedWrite, AppleFailure, type AppleLimits, type Credential, type SeatWrite } from '../ports.ts';
import { setRunning } from '../task/change.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { callApple } from '../token/call-apple.ts';
import { carriedSeats } from './carried.ts';
import { type JudgedSeat, names, seatFailure } from './judge.ts';
import { settleSeats } from './settle.ts';
import { lockSubscriptions, moveSeats } from './transition.ts';

type Work = OfSeats<NextWork>;

/** A write that is written down and may be sent. */
interface WrittenSeats {
  callId: bigint;
  sentAt: Date;
  write: SeatWrite;
  /** Seats that renew, or seats that are to leave at the end of the period. */
  flag: boolean;
}

/** Sends the task's next write of seats. */
export async function sendSeats(context: Context, claim: GateClaim, work: Work, manner: SendingManner): Promise<void> {
  const written: { call: WrittenSeats | null } = { call: null };
  try {
    const accepted = await callApple(context, claim, 'WRITE', async (credential) => {
      const task = { organizationId: claim.organizationId, taskId: work.taskId };
      await underGateClaim(context, claim, (tx) => setRunning(tx, task, 'SENDING', context.clock.now()));
      const size = sizeFor(await context.apple.limits(), manner.get(work.taskId));
      written.call = await writeDown(context, claim, work, size);
      return written.call ? post(context, credential, written.call, work) : null;
    });
    if (accepted && written.call) await keepAccepted(context, claim, written.call, accepted, work);
  } catch (error) {
    if (!written.call || !(error instanceof AppleFailure)) throw error;
    await keepFailure(context, claim, written.call, work, error, manner);
  }
}

const sizeFor = ({ maxSeatSubscriptions, maxSeatUsers }: AppleLimits, size?: Size): Size => ({
  assets: Math.min(maxSeatSubscriptions, size?.assets ?? maxSeatSubscriptions),
  holders: Math.min(maxSeatUsers, size?.holders ?? maxSeatUsers),
});

/** Takes the largest group of people who need seats of the same subscriptions in the same way, and notes the call as SENT. */
function writeDown(context: Context, claim: GateClaim, work: Work, size: Size): Promise<WrittenSeats | null> {
  const now = context.clock.now();
  const { organizationId, tokenId } = claim;
  const assigns = work.kind === 'ASSIGN_SEATS';
  const flag = assigns ? sql`l.renewing` : sql`l.removal_deferred`;
  const whose = assigns
    ? sql`l.state = 'REQUESTED' AND l.task_id`
    : sql`l.state = 'REMOVAL_REQUESTED' AND l.removal_task_id`;
  const waiting = sql`l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.call_id IS NULL AND ${whose} = ${work.taskId}`;
  return underGateClaim(context, claim, async (tx) => {
    await lockSubscriptions(tx, organizationId, sql`SELECT l.subscription_id FROM seat_assignment l WHERE ${waiting}`);
    const [group] = await tx.$queryRaw<{ flag: boolean; subscriptions: bigint[]; people: string[] }[]>(sql`
      WITH holder AS (
        SELECT l.client_user_id AS name, ${flag} AS flag, array_agg(l.subscription_id ORDER BY l.subscription_id) AS subscriptions
        FROM seat_assignment l WHERE ${waiting} GROUP BY 1, 2
      ), largest AS (
        SELECT subscriptions, flag FROM holder GROUP BY subscriptions, flag ORDER BY count(*) DESC, subscriptions, flag LIMIT 1
      ), picked AS (
        SELECT h.* FROM holder h JOIN largest USING (subscriptions, flag) ORDER BY h.name LIMIT ${size.holders}::int
      )
      SELECT flag, subscriptions, array_agg(name ORDER BY name) AS people FROM picked GROUP BY flag, subscriptions`);
    if (!group) return null;
    const subscriptions = group.subscriptions.slice(0, size.assets);
    const callId = await noteCall(tx, claim, work, { items: 0, assets: subscriptions.length }, now);
    const carried = sql`${waiting} AND ${flag} = ${group.flag} AND l.subscription_id = ANY (${ids(subscriptions)})
      AND l.client_user_id = ANY (${texts(group.people)})`;
    const items = await tx.$executeRaw(sql`
      UPDATE seat_assignment l SET call_id = ${callId}, sends = sends + 1 WHERE ${carried}`);
    await tx.$executeRaw(sql`
      UPDATE apple_call SET items = ${items} WHERE organization_id = ${organizationId} AND id = ${callId}`);
    const rows = await tx.$queryRaw<{ adamId: string }[]>(sql`
      SELECT adam_id AS "adamId" FROM seat_subscription WHERE organization_id = ${organizationId} AND id = ANY (${ids(subscriptions)}) ORDER BY id`);
    const write = { adamIds: rows.map((row) => row.adamId), clientUserIds: group.people };
    return { callId, sentAt: now, write, flag: group.flag };
  });
}

async function post(
  context: Context,
  credential: Credential,
  call: WrittenSeats,
  { kind }: Work,
): Promise<AcceptedWrite> {
  context.failpoint('before-call');
  requireTimely(context, call);
  return kind === 'ASSIGN_SEATS'
    ? context.apple.assignSeats(credential, call.write, call.flag)
    : context.apple.removeSeats(credential, call.write, call.flag);
}

function keepAccepted(
  context: Context,
  claim: GateClaim,
  { callId }: WrittenSeats,
  { eventId }: AcceptedWrite,
  work: Work,
): Promise<void> {
  context.failpoint('after-call');
  const { organizationId } = claim;
  return underGateClaim(context, claim, async (tx) => {
    await acceptCall(context, tx, claim, { callId, eventId });
    await moveSeats(tx, work.kind === 'ASSIGN_SEATS' ? 'SEND' : 'SEND_REMOVAL', {
      organizationId,
      where: sql`l.call_id = ${callId}`,
      now: context.clock.now(),
      actor: context.actor,
      taskId: work.taskId,
      appleEventId: eventId,
    });
    await noteProgress(tx, claim);
  });
}

/** What a failed write means for its seats. Rethrows what concerns the token as a whole. */
async function keepFailure(
  context: Context,
  claim: GateClaim,
  call: WrittenSeats,
  work: Work,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  context.failpoint('after-call');
  if (failure.kind === 'UNKNOWN_OUTCOME')
    return underGateClaim(context, claim, (tx) => doubtCall(context, tx, claim.organizationId, call.callId));
  const refused = failure.kind === 'REJECTED' || failure.kind === 'LIMIT_EXCEEDED';
  const judged = refused ? await judgeRefusal(context, claim, call, work, failure, manner) : [];
  await underGateClaim(context, claim, (tx) => countNoSend(tx, claim.organizationId, call.callId));
  const settled = { callId: call.callId, taskId: work.taskId, kind: work.kind };
  const end = { state: 'REJECTED' as const, errorNumber: failure.appleErrorNumber };
  await settleSeats(context, claim, settled, judged, end);
  if (!refused) throw failure;
}

/** Apple did nothing, so that it was sent does not count. */
async function countNoSend(tx: Tx, organizationId: bigint, callId: bigint): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE seat_assignment SET sends = sends - 1 WHERE organization_id = ${organizationId} AND call_id = ${callId} AND sends > 0
      AND state IN ('REQUESTED', 'REMOVAL_REQUESTED')`);
}

/**
 * Apple refused the whole call because of some of its seats: those are settled and the others sent again. Where it does
 * not say which, the task's next writes are smaller until the one is found: one subscription, then half of the people.
 */
async function judgeRefusal(
  context: Context,
  claim: GateClaim,
  { callId, write }: WrittenSeats,
  work: Work,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<JudgedSeat[]> {
  const seats = await carriedSeats(context.prisma, claim.organizationId, callId);
  const said = failure.failures;
  const named = said ? seats.filter((seat) => names(said, seat)) : [];
  if (named.length === 0 && seats.length > 1) {
    if (failure.kind === 'LIMIT_EXCEEDED' && exceeds(write, await context.apple.limits({ fresh: true }))) return [];
    const people = write.clientUserIds.length;
    const holders = write.adamIds.length > 1 ? people : Math.ceil(people / 2);
    manner.set(work.taskId, { assets: 1, holders });
    return [];
  }
  if (named.length === 0) manner.delete(work.taskId);
  // The whole call was refused, so nothing of it passes by itself.
  const { appleErrorNumber: number, message } = failure;
  const verdict = alreadySo(work.kind, number ?? 0) ? ('DONE' as const) : seatFailure(number ?? null, message);
  return (named.length > 0 ? named : seats).map((seat) => ({ seat, verdict }));
}

/** Whether the newest limits explain the refusal, so that the next write will be smaller. */
const exceeds = ({ adamIds, clientUserIds }: SeatWrite, { maxSeatSubscriptions, maxSeatUsers }: AppleLimits): boolean =>
  adamIds.length > maxSeatSubscriptions || clientUserIds.length > maxSeatUsers;
