/** Sends one write to Apple and keeps what came of it. @module */
import { sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { hurryWaiting } from '../notification/read-due.ts';
import { wakeApplying } from '../notification/store.ts';
import { type AcceptedWrite, AppleFailure, type AppleLimits, type Credential } from '../ports.ts';
import { sendSeats } from '../seat/send.ts';
import { setRunning } from '../task/change.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import { endSettledTasks } from '../task/settle.ts';
import { traceTask } from '../task/trace.ts';
import { callApple } from '../token/call-apple.ts';
import { sendUsers } from '../vpp-user/send.ts';
import { acceptLicenses } from './accept-licenses.ts';
import {
  type Carried,
  carriedBy,
  closeCall,
  doubtCall,
  isOfSeats,
  isOfUsers,
  type OfLicenses,
  requireTimely,
} from './call.ts';
import { itemFailure } from './item-failure.ts';
import { putBack } from './put-back.ts';
import type { SendingManner, Size } from './sending-manner.ts';
import { lockCall, settleCall } from './settle.ts';
import { type NextWork as AnyWork, nextWork, type WrittenCall, writeDown } from './write-down.ts';

type NextWork = OfLicenses<AnyWork>;

/** Sends the next write of the token. False when nothing waits. Throws what stands in the way of all writes. */
export async function sendNext(context: Context, claim: GateClaim, manner: SendingManner): Promise<boolean> {
  const work = await nextWork(context, claim);
  if (!work) return false;
  const task = { organizationId: claim.organizationId, taskId: work.taskId };
  await traceTask(context, task, context.correlationId, () =>
    isOfUsers(work)
      ? sendUsers(context, claim, work, manner)
      : isOfSeats(work)
        ? sendSeats(context, claim, work, manner)
        : send(context, claim, work as NextWork, manner),
  );
  return true;
}

async function send(context: Context, claim: GateClaim, work: NextWork, manner: SendingManner): Promise<void> {
  const written: { call: WrittenCall | null } = { call: null };
  try {
    const accepted = await callApple(context, claim, 'WRITE', async (credential) => {
      await noteSending(context, claim, work.taskId);
      // With a slot in hand: after a refusal in another process it made sure that these are new ones.
      const limits = limitsFor(await context.apple.limits(), manner.get(work.taskId));
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

function limitsFor(limits: AppleLimits, size?: Size): AppleLimits {
  if (!size) return limits;
  return {
    ...limits,
    maxAssets: Math.min(size.assets, limits.maxAssets),
    maxSerialNumbers: Math.min(size.holders, limits.maxSerialNumbers),
    maxClientUserIds: Math.min(size.holders, limits.maxClientUserIds),
  };
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
  requireTimely(context, call);
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
  await underGateClaim(context, claim, async (tx) => {
    const waited = await hurryWaiting(tx, claim, context.clock.now());
    const { callId } = call;
    await acceptLicenses(
      context,
      tx,
      claim,
      { callId, taskId: work.taskId, kind: work.kind },
      accepted.eventId,
      'SENT',
    );
    // Apple was faster than its own answer: what it told of this write can be applied now.
    if (waited) await wakeApplying(tx, claim);
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
  if (failure.kind === 'UNKNOWN_OUTCOME')
    return underGateClaim(context, claim, (tx) => doubtCall(context, tx, claim.organizationId, call.callId));
  if (failure.kind === 'REJECTED') return reject(context, claim, call, work, failure, manner);
  if (failure.kind === 'LIMIT_EXCEEDED') return sendSmaller(context, claim, call, work, failure, manner);
  await takeBack(context, claim, call, work, failure);
  throw failure;
}

/** Splits a call that was too large: by the newest limits, or in halves where those do not explain the refusal. */
async function sendSmaller(
  context: Context,
  claim: GateClaim,
  call: WrittenCall,
  work: NextWork,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  const size = sizeOf(call);
  if (size.assets === 1 && size.holders === 1) return reject(context, claim, call, work, failure, manner);
  await takeBack(context, claim, call, work, failure);
  if (exceeds(call, await context.apple.limits({ fresh: true }))) return;
  const half = (count: number) => Math.ceil(count / 2);
  const byAssets = failure.appleErrorNumber === 9700 && size.assets > 1;
  const smaller = byAssets || size.holders === 1 ? { assets: half(size.assets) } : { holders: half(size.holders) };
  manner.set(work.taskId, { ...size, ...smaller });
}

const sizeOf = ({ write }: WrittenCall): Size => ({
  assets: write.assets.length,
  holders: write.serialNumbers.length + write.clientUserIds.length,
});

/** Whether the newest limits explain the refusal, so that the next plan will be smaller. */
function exceeds({ write }: WrittenCall, limits: AppleLimits): boolean {
  return (
    write.assets.length > limits.maxAssets ||
    write.serialNumbers.length > limits.maxSerialNumbers ||
    write.clientUserIds.length > limits.maxClientUserIds
  );
}

/** Apple did nothing: the licenses wait for the next write, and this one does not count as sent. */
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
    await tx.$executeRaw(sql`
      UPDATE license SET sends = sends - 1 WHERE organization_id = ${organizationId} AND call_id = ${call.callId}
        AND state IN ('REQUESTED', 'REVOKE_REQUESTED')`);
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
    manner.set(work.taskId, { ...sizeOf(call), assets: 1 });
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
