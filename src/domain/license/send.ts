/** Sends one write to Apple and keeps what came of it. @module */
import { moment, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type AcceptedWrite, AppleFailure, type AppleLimits, type Credential } from '../ports.ts';
import { setRunning } from '../task/change.ts';
import { ClaimLostError, type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { endSettledTasks } from '../task/settle.ts';
import { traceTask } from '../task/trace.ts';
import { callApple } from '../token/call-apple.ts';
import { type Carried, carriedBy, closeCall, putOffCall } from './call.ts';
import { putBack } from './put-back.ts';
import { itemFailure, lockCall, settleCall } from './settle.ts';
import { transition } from './transition.ts';
import { type NextWork, nextWork, type WrittenCall, writeDown } from './write-down.ts';

/** A call that could not be sent within this many milliseconds of being written down is not sent: the worker was frozen. */
const sendWithin = 10_000;

/** What a writer has learned while it works: tasks of which Apple refused a write of several assets without saying which. */
export interface SendingManner {
  oneAssetAtATime: Set<bigint>;
}

/** Sends the next write of the token. False when nothing waits. Throws what stands in the way of all writes. */
export async function sendNext(context: Context, claim: GateClaim, manner: SendingManner): Promise<boolean> {
  const work = await nextWork(context, claim);
  if (!work) return false;
  const task = { organizationId: claim.organizationId, taskId: work.taskId };
  await traceTask(context, task, context.correlationId, () => send(context, claim, work, manner));
  return true;
}

async function send(context: Context, claim: GateClaim, work: NextWork, manner: SendingManner): Promise<void> {
  const limits = await limitsFor(context, work, manner);
  const written: { call: WrittenCall | null } = { call: null };
  try {
    const accepted = await callApple(context, claim, 'WRITE', async (credential) => {
      await noteSending(context, claim, work.taskId);
      const call = await writeDown(context, claim, work, limits);
      written.call = call;
      return call ? post(context, credential, call, work) : null;
    });
    if (accepted && written.call) await keepAccepted(context, claim, written.call, accepted, work);
  } catch (error) {
    if (!written.call || !(error instanceof AppleFailure)) throw error;
    await keepFailure(context, claim, written.call, work, error, manner);
  }
}

async function limitsFor(context: Context, work: NextWork, manner: SendingManner): Promise<AppleLimits> {
  const limits = await context.apple.limits();
  return manner.oneAssetAtATime.has(work.taskId) ? { ...limits, maxAssets: 1 } : limits;
}

function noteSending(context: Context, claim: GateClaim, taskId: bigint): Promise<void> {
  const task = { organizationId: claim.organizationId, taskId };
  return underGateClaim(context, claim, (tx) => setRunning(tx, task, 'SENDING', context.clock.now()));
}

async function post(
  context: Context,
  credential: Credential,
  call: WrittenCall,
  work: NextWork,
): Promise<AcceptedWrite> {
  context.failpoint('before-call');
  // Half of the time after which a successor looks what became of it: until then Apple must have it, or never get it.
  const patience = Math.min(sendWithin, context.settings.unknownOutcomeWait / 2);
  const late = context.clock.now().getTime() - call.sentAt.getTime() > patience;
  if (late) throw new ClaimLostError(`call ${call.callId}`);
  return work.kind === 'ASSOCIATE'
    ? context.apple.associate(credential, call.write)
    : context.apple.disassociate(credential, call.write);
}

async function keepAccepted(
  context: Context,
  claim: GateClaim,
  call: WrittenCall,
  accepted: AcceptedWrite,
  work: NextWork,
): Promise<void> {
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
    await noteProgress(tx, claim);
  });
}

/** What a failed write means for its licenses. Rethrows what concerns the token as a whole. */
async function keepFailure(
  context: Context,
  claim: GateClaim,
  call: WrittenCall,
  work: NextWork,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  context.failpoint('after-call');
  if (failure.kind === 'UNKNOWN_OUTCOME') {
    const at = new Date(context.clock.now().getTime() + context.settings.unknownOutcomeWait);
    return underGateClaim(context, claim, (tx) => putOffCall(tx, claim.organizationId, call.callId, 'UNKNOWN', at));
  }
  if (failure.kind === 'REJECTED') return reject(context, claim, call, work, failure, manner);
  await takeBack(context, claim, call, work, failure);
  if (failure.kind === 'LIMIT_EXCEEDED' && exceeds(call, await context.apple.limits({ fresh: true }))) return;
  throw failure;
}

/** Whether the newest limits explain the refusal, so that the next plan will be smaller. */
function exceeds({ write }: WrittenCall, limits: AppleLimits): boolean {
  return (
    write.assets.length > limits.maxAssets ||
    write.serialNumbers.length > limits.maxSerialNumbers ||
    write.clientUserIds.length > limits.maxClientUserIds
  );
}

/** Apple did nothing: the licenses wait for the next write. */
function takeBack(
  context: Context,
  claim: GateClaim,
  call: WrittenCall,
  work: NextWork,
  failure: AppleFailure,
): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  return underGateClaim(context, claim, async (tx) => {
    const taskIds = await lockCall(tx, organizationId, { callId: call.callId, taskId: work.taskId });
    await putBack(context, tx, { organizationId, callId: call.callId, kind: work.kind }, now);
    await closeCall(tx, organizationId, call.callId, 'REJECTED', now, failure.appleErrorNumber);
    await endSettledTasks(tx, organizationId, taskIds, now);
  });
}

/**
 * Apple refused the whole call because of some items: those fail, the others are sent again without them. When it does
 * not say which, the assets are sent one by one; of a single asset it is the call itself, and all of it fails.
 */
async function reject(
  context: Context,
  claim: GateClaim,
  call: WrittenCall,
  work: NextWork,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  const carried = await carriedBy(context.prisma, claim.organizationId, call.callId);
  const hit = carried.filter((item) => isNamed(item, failure));
  if (hit.length === 0 && call.write.assets.length > 1) {
    manner.oneAssetAtATime.add(work.taskId);
    return takeBack(context, claim, call, work, failure);
  }
  const reason = itemFailure(failure.appleErrorNumber ?? null, failure.message);
  const failed = (hit.length > 0 ? hit : carried).map((item) => ({ item, failure: reason }));
  return settleCall(
    context,
    claim,
    { callId: call.callId, taskId: work.taskId, kind: work.kind },
    { done: [], failed },
  );
}

/** Whether the refusal names the item: its asset, its holder, or both where it lists both kinds. */
function isNamed(item: Carried, { failures }: AppleFailure): boolean {
  const holders = [...(failures?.serialNumbers ?? []), ...(failures?.clientUserIds ?? [])];
  const assets = failures?.assets ?? [];
  if (holders.length + assets.length === 0) return false;
  const byHolder = holders.length === 0 || holders.includes(item.serialNumber ?? item.clientUserId ?? '');
  const byAsset =
    assets.length === 0 ||
    assets.some((asset) => asset.adamId === item.adamId && asset.pricingParam === item.pricingParam);
  return byHolder && byAsset;
}
