/** Asks Apple how a write stands, and settles it when it is done. @module */
import type { Context } from '../context.ts';
import { AppleFailure, type WriteFailure, type WriteStatus } from '../ports.ts';
import { settleSeatCall } from '../seat/settle.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import { traceTask } from '../task/trace.ts';
import { callApple } from '../token/call-apple.ts';
import { settleUserCall } from '../vpp-user/settle.ts';
import {
  type OpenCall as AnyCall,
  type Carried,
  carriedBy,
  dueCall,
  isOfSeats,
  isOfUsers,
  itemKey,
  type OfLicenses,
  putOffCall,
} from './call.ts';
import { alreadySo, toItemFailure, unnamed } from './item-failure.ts';
import { readPresent } from './read-holders.ts';
import { noteReported } from './reported.ts';
import { settleCall, type Verdict } from './settle.ts';
import { waitFor } from './wait-for.ts';

type OpenCall = OfLicenses<AnyCall>;

/** Polls the write that has been due longest. False when none is due. */
export async function pollNext(context: Context, claim: GateClaim): Promise<boolean> {
  const call = await dueCall(context, claim, 'ACCEPTED');
  if (!call) return false;
  const task = { organizationId: claim.organizationId, taskId: call.taskId };
  await traceTask(context, task, context.correlationId, () => poll(context, claim, call));
  return true;
}

async function poll(context: Context, claim: GateClaim, call: AnyCall): Promise<void> {
  context.failpoint('polling');
  const status = await readStatus(context, claim, call);
  if (status === null) await compareLater(context, claim, call, context.clock.now());
  else if (status.status === 'PENDING') await waitOn(context, claim, call, status.completed);
  else if (isOfUsers(call)) await settleUserCall(context, claim, call, status);
  else if (isOfSeats(call)) await settleSeatCall(context, claim, call, status);
  else await settle(context, claim, call as OpenCall, status);
}

async function settle(context: Context, claim: GateClaim, call: OpenCall, status: WriteStatus): Promise<void> {
  const { id: callId, taskId, kind, eventId } = call;
  await settleCall(context, claim, { callId, taskId, kind, eventId }, await judge(context, claim, call, status));
}

/** The status, or null when it can't be had and the assignments have to tell: Apple no longer knows the event. */
async function readStatus(context: Context, claim: GateClaim, call: AnyCall): Promise<WriteStatus | null> {
  try {
    return await callApple(context, claim, 'READ', (credential) =>
      context.apple.writeStatus(credential, call.eventId!),
    );
  } catch (error) {
    if (error instanceof AppleFailure && tellsNothing(error, call, context.clock.now())) return null;
    throw error;
  }
}

/** Whether to ask for this event again is in vain: it would hold up all other writes of the token. */
function tellsNothing({ kind, appleErrorNumber }: AppleFailure, { deadlineAt }: AnyCall, now: Date): boolean {
  if (kind === 'EVENT_UNKNOWN' || (kind === 'REJECTED' && appleErrorNumber !== undefined)) return true;
  return kind === 'UNAVAILABLE' && deadlineAt !== null && now >= deadlineAt;
}

/** Still PENDING: asks again later; past the deadline it is compared with Apple's assignments instead. */
function waitOn(context: Context, claim: GateClaim, call: AnyCall, reported: number): Promise<void> {
  const now = context.clock.now();
  if (call.deadlineAt && now >= call.deadlineAt) return compareLater(context, claim, call, now);
  const at = new Date(now.getTime() + context.settings.pollEvery);
  return underGateClaim(context, claim, async (tx) => {
    await putOffCall(tx, claim.organizationId, call.id, 'ACCEPTED', at);
    await noteReported(tx, claim.organizationId, call, reported);
  });
}

function compareLater(context: Context, claim: GateClaim, call: AnyCall, at: Date): Promise<void> {
  return underGateClaim(context, claim, (tx) => putOffCall(tx, claim.organizationId, call.id, 'UNKNOWN', at));
}

/**
 * Who succeeded. Apple lists failed assets and failed holders apart, so with more than one asset in the call, or with
 * nobody named, those in doubt are looked up among the assignments.
 */
async function judge(context: Context, claim: GateClaim, call: OpenCall, status: WriteStatus): Promise<Verdict> {
  const items = await carriedBy(context.prisma, claim.organizationId, call.id);
  const failures = status.failures.filter((failure) => !alreadySo(call.kind, failure.appleErrorNumber));
  const repeated = status.failures.length > failures.length;
  if (failures.length === 0) {
    const whole = repeated || (status.status === 'COMPLETE' && status.completed >= status.requested);
    return whole ? { done: items, failed: [] } : compare(context, claim, call, items, [unnamed]);
  }
  const named = new Set(failures.flatMap(holdersOf));
  const someUnnamed = failures.some((failure) => holdersOf(failure).length === 0);
  if (someUnnamed) return compare(context, claim, call, items, failures);
  const doubtful = items.filter((item) => named.has(holderOf(item)));
  const sure = items.filter((item) => !named.has(holderOf(item)));
  if (call.assets === 1) return { done: sure, ...explain(context, doubtful, failures) };
  const rest = await compare(context, claim, call, doubtful, failures);
  return { ...rest, done: [...sure, ...rest.done] };
}

const holderOf = (item: Carried) => item.serialNumber ?? item.clientUserId ?? '';
const holdersOf = (failure: WriteFailure) => [...failure.serialNumbers, ...failure.clientUserIds];

async function compare(
  context: Context,
  claim: GateClaim,
  call: OpenCall,
  items: readonly Carried[],
  failures: readonly WriteFailure[],
): Promise<Verdict> {
  const present = await readPresent(context, claim, items);
  const isDone = (item: Carried) => present.has(itemKey(item)) === (call.kind === 'ASSOCIATE');
  return {
    done: items.filter(isDone),
    ...explain(
      context,
      items.filter((item) => !isDone(item)),
      failures,
    ),
  };
}

/** Failed items with their reasons; ones whose reason passes by itself are left out, which sends them again, now or later. */
function explain(
  context: Context,
  items: readonly Carried[],
  failures: readonly WriteFailure[],
): Pick<Verdict, 'failed' | 'later'> {
  const reasons = new Map(failures.map((failure) => [failure, toItemFailure(failure)]));
  const failed: Verdict['failed'][number][] = [];
  let later: Verdict['later'];
  for (const item of items) {
    const failure = reasonFor(item, failures);
    const wait = waitFor(item, failure);
    if (wait === null) failed.push({ item, failure: reasons.get(failure)! });
    else if (wait > 0)
      later ??= { at: new Date(context.clock.now().getTime() + wait), errorNumber: failure.appleErrorNumber };
  }
  return { failed, later };
}

/** The group that names holder and asset; else the one that names either. */
function reasonFor(item: Carried, failures: readonly WriteFailure[]): WriteFailure {
  const namesHolder = (one: WriteFailure) => holdersOf(one).includes(holderOf(item));
  const namesAsset = (one: WriteFailure) => one.assets.some((asset) => asset.adamId === item.adamId);
  return (
    failures.find((one) => namesHolder(one) && namesAsset(one)) ??
    failures.find(namesHolder) ??
    failures.find(namesAsset) ??
    failures[0]!
  );
}
