/** Sends one write to Apple and keeps what came of it. @module */
import { moment, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type AcceptedWrite, AppleFailure, type AppleLimits } from '../ports.ts';
import { ClaimLostError, type GateClaim, underGateClaim } from '../task/claim.ts';
import { setRunning } from '../task/change.ts';
import { callApple } from '../token/call-apple.ts';
import { carriedBy, closeCall } from './call.ts';
import { failCarried } from './settle.ts';
import { transition } from './transition.ts';
import { type NextWork, type WrittenCall, nextWork, writeDown } from './write-down.ts';

/** A call that could not be sent within this many milliseconds of being written down is not sent: the worker was frozen. */
const sendWithin = 10_000;

/** Sends the next write of the token. False when nothing waits. Throws what stands in the way of all writes. */
export async function sendNext(context: Context, claim: GateClaim): Promise<boolean> {
  const work = await nextWork(context, claim);
  if (!work) return false;
  const limits = await context.apple.limits();
  const written: { call: WrittenCall | null } = { call: null };
  try {
    const accepted = await callApple(context, claim, 'WRITE', async (credential) => {
      await noteSending(context, claim.organizationId, work.taskId);
      const call = await writeDown(context, claim, work, limits);
      written.call = call;
      if (!call) return null;
      context.failpoint('before-call');
      if (context.clock.now().getTime() - call.sentAt.getTime() > sendWithin) throw new ClaimLostError(`call ${call.callId}`);
      return work.kind === 'ASSOCIATE' ? context.apple.associate(credential, call.write) : context.apple.disassociate(credential, call.write);
    });
    if (accepted && written.call) await keepAccepted(context, claim, written.call, accepted, work);
  } catch (error) {
    if (!written.call || !(error instanceof AppleFailure)) throw error;
    await keepFailure(context, claim, written.call, work, error);
  }
  return true;
}

function noteSending(context: Context, organizationId: bigint, taskId: bigint): Promise<void> {
  return transaction(context, (tx) => setRunning(tx, { organizationId, taskId }, 'SENDING', context.clock.now()));
}

async function keepAccepted(context: Context, claim: GateClaim, call: WrittenCall, accepted: AcceptedWrite, work: NextWork): Promise<void> {
  context.failpoint('after-call');
  const now = context.clock.now();
  const { firstPollAfter, pendingLimit } = context.settings;
  await underGateClaim(context, claim, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE apple_call SET state = 'ACCEPTED', event_id = ${accepted.eventId}, next_poll_at = ${moment(new Date(now.getTime() + firstPollAfter))},
        deadline_at = ${moment(new Date(now.getTime() + pendingLimit))}
      WHERE organization_id = ${claim.organizationId} AND id = ${call.callId} AND state = 'SENT'`);
    await transition(tx, work.kind === 'ASSOCIATE' ? 'SEND' : 'SEND_REVOKE', {
      organizationId: claim.organizationId,
      where: sql`l.call_id = ${call.callId}`,
      now,
      actor: context.actor,
      taskId: work.taskId,
      appleEventId: accepted.eventId,
    });
  });
}

/** What a failed write means for its licenses. Rethrows what concerns the token as a whole. */
async function keepFailure(context: Context, claim: GateClaim, call: WrittenCall, work: NextWork, failure: AppleFailure): Promise<void> {
  context.failpoint('after-call');
  if (failure.kind === 'UNKNOWN_OUTCOME') {
    const at = new Date(context.clock.now().getTime() + context.settings.unknownOutcomeWait);
    await underGateClaim(context, claim, (tx) => tx.$executeRaw(sql`
      UPDATE apple_call SET state = 'UNKNOWN', next_poll_at = ${moment(at)} WHERE organization_id = ${claim.organizationId} AND id = ${call.callId}`));
    return;
  }
  if (failure.kind === 'REJECTED') return rejectNamed(context, claim, call, work, failure);
  await takeBack(context, claim, call, failure);
  if (failure.kind === 'LIMIT_EXCEEDED' && exceeds(call, await context.apple.limits({ fresh: true }))) return;
  throw failure;
}

/** Whether the newest limits explain the refusal, so that the next plan will be smaller. */
function exceeds({ write }: WrittenCall, limits: AppleLimits): boolean {
  return write.assets.length > limits.maxAssets || write.serialNumbers.length > limits.maxSerialNumbers || write.clientUserIds.length > limits.maxClientUserIds;
}

/** Apple did nothing: the licenses wait for the next write. */
function takeBack(context: Context, claim: GateClaim, call: WrittenCall, failure: AppleFailure): Promise<void> {
  return underGateClaim(context, claim, async (tx) => {
    await tx.$executeRaw(sql`UPDATE license l SET call_id = NULL WHERE l.organization_id = ${claim.organizationId} AND l.call_id = ${call.callId}
      AND l.state IN ('REQUESTED', 'REVOKE_REQUESTED')`);
    await closeCall(tx, claim.organizationId, call.callId, 'REJECTED', context.clock.now(), failure.appleErrorNumber);
  });
}

/** Apple refused the whole call because of some items: those fail, the others are sent again without them. */
async function rejectNamed(context: Context, claim: GateClaim, call: WrittenCall, work: NextWork, failure: AppleFailure): Promise<void> {
  const named = failure.failures;
  const assets = new Set(named?.assets.map((asset) => asset.adamId));
  const holders = new Set([...(named?.serialNumbers ?? []), ...(named?.clientUserIds ?? [])]);
  const carried = await carriedBy(context.prisma, claim.organizationId, call.callId);
  const hit = carried.filter((item) => assets.has(item.adamId) || holders.has(item.serialNumber ?? item.clientUserId ?? ''));
  // Nothing named, or nothing of ours: then it is the call itself, and sending it again would not help.
  await failCarried(context, claim, { callId: call.callId, taskId: work.taskId, kind: work.kind }, hit.length > 0 ? hit : carried, failure);
}
