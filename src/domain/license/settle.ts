/** Brings what Apple said of a write into the license rows, the pools, the ledger and the task. May come twice. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { countFor } from '../task/count-for.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { type Carried, carriedBy, closeCall, type LicenseCallKind, putOffRest } from './call.ts';
import type { ItemFailure } from './item-failure.ts';
import { putBack } from './put-back.ts';
import { sumReported } from './reported.ts';
import { requestAssetRead } from './request-asset-read.ts';
import { lockPools, type TransitionFailure, type TransitionOptions, transition } from './transition.ts';
import { ringQueues } from './wake-queue.ts';

/** A call that is being settled. */
export interface SettledCall {
  callId: bigint;
  taskId: bigint;
  kind: LicenseCallKind;
  eventId?: string | null;
}

/** What became of a call's licenses. Ones that are in no list are sent again. */
export interface Verdict {
  done: readonly Carried[];
  failed: readonly { item: Carried; failure: ItemFailure }[];
  /** Those in no list are not sent again before this moment: Apple asked for it with that number. */
  later?: { at: Date; errorNumber: number } | undefined;
  /** Nobody said what became of the write: what is not shown may still come, so it is sent again even if nobody wants it any more. */
  unsure?: boolean | undefined;
}

/** Settles a call: confirmed and failed items, what goes back to be sent again, the tasks' counts and ends. */
export async function settleCall(
  context: Context,
  claim: GateClaim,
  call: SettledCall,
  verdict: Verdict,
): Promise<void> {
  const now = context.clock.now();
  const ended = await underGateClaim(context, claim, async (tx) => {
    const taskIds = await lockCall(tx, claim.organizationId, call);
    const settling = { context, tx, call, now, organizationId: claim.organizationId };
    await settleItems(settling, verdict);
    await leaveRest(settling, verdict);
    await sumReported(tx, claim.organizationId, call.taskId);
    await noteProgress(tx, claim);
    await doubtSeats(settling, verdict.failed);
    context.failpoint('settling');
    await ringQueues(tx, claim.organizationId, now);
    return endSettledTasks(tx, claim.organizationId, taskIds, now);
  });
  context.failpoint('done');
  if (ended.length > 0) {
    context.logger.info({ taskIds: ended.map(String), callId: String(call.callId) }, 'tasks ended');
  }
}

/** What is in no list goes back to be sent again, now or later. */
async function leaveRest(
  { context, tx, call, now, organizationId }: Settling,
  { later, unsure }: Verdict,
): Promise<void> {
  const { callId, kind } = call;
  if (later) return putOffRest(tx, organizationId, callId, later);
  await putBack(context, tx, { organizationId, callId, kind, unsure }, now);
  await closeCall(tx, organizationId, callId, 'SETTLED', now);
}

/**
 * Locks the tasks that a call works for, then its pools. Who revokes holds the gate, as the caller does: no revoke can
 * come to wait behind these licenses meanwhile.
 */
export async function lockCall(
  tx: Tx,
  organizationId: bigint,
  call: { callId: bigint; taskId: bigint },
): Promise<bigint[]> {
  return lockItems(tx, organizationId, call.taskId, await carriedBy(tx, organizationId, call.callId));
}

/** The same for some of its items. */
export async function lockItems(
  tx: Tx,
  organizationId: bigint,
  taskId: bigint,
  carried: readonly Carried[],
): Promise<bigint[]> {
  const taskIds = [...new Set([taskId, ...carried.flatMap((item) => item.revokeTaskId ?? [])])];
  await lockTasks(tx, organizationId, taskIds);
  await lockPools(tx, organizationId, sql`SELECT unnest(${ids([...new Set(carried.map((item) => item.poolId))])})`);
  return taskIds;
}

/** What settling takes; the tasks and pools are locked. */
export interface Settling {
  context: Context;
  tx: Tx;
  call: SettledCall;
  now: Date;
  organizationId: bigint;
}

function options(
  settling: Settling,
  items: readonly Carried[],
  more: { reason?: string; failure?: TransitionFailure; and?: Sql } = {},
): TransitionOptions {
  const { and, ...rest } = more;
  return {
    organizationId: settling.organizationId,
    where: sql`l.call_id = ${settling.call.callId} AND l.id = ANY (${ids(items.map((item) => item.id))}) ${and ?? sql``}`,
    now: settling.now,
    actor: settling.context.actor,
    taskId: settling.call.taskId,
    appleEventId: settling.call.eventId ?? null,
    ...rest,
  };
}

/** How many items were done now, and how many of them go on to be taken back. */
export interface SettledItems {
  done: number;
  revokes: number;
}

/** Settles single items of a call; those that another word settled before are passed over. */
export async function settleItems(settling: Settling, verdict: Verdict): Promise<SettledItems> {
  await failItems(settling, verdict.failed);
  return finishItems(settling, verdict.done);
}

async function finishItems(settling: Settling, items: readonly Carried[]): Promise<SettledItems> {
  if (items.length === 0) return { done: 0, revokes: 0 };
  const { tx, organizationId, call } = settling;
  if (call.kind === 'DISASSOCIATE') {
    const revoked = await transition(tx, 'REVOKE', options(settling, items, { reason: 'REVOKED' }));
    await countFor(tx, organizationId, revoked, 'revokeTaskId', 'completed');
    return { done: revoked.count, revokes: 0 };
  }
  const confirmed = await transition(tx, 'CONFIRM', options(settling, items));
  await countFor(tx, organizationId, confirmed, 'taskId', 'completed');
  // A revoke that waited behind the request goes its way now.
  const behind = options(settling, items, { and: sql`AND l.revoke_task_id IS NOT NULL` });
  const { count: revokes } = await transition(tx, 'REQUEST_REVOKE', behind);
  return { done: confirmed.count, revokes };
}

async function failItems(settling: Settling, failed: Verdict['failed']): Promise<void> {
  for (const [failure, items] of byFailure(failed)) await failGroup(settling, failure, items);
}

async function failGroup(settling: Settling, failure: ItemFailure, items: readonly Carried[]): Promise<void> {
  const { tx, organizationId, call } = settling;
  if (call.kind === 'DISASSOCIATE') {
    const told = { reason: failure.code, failure: { ...failure, of: 'revokeTaskId' as const } };
    const kept = await transition(tx, 'KEEP', options(settling, items, told));
    await countFor(tx, organizationId, kept, 'revokeTaskId', 'failed');
    return;
  }
  const told = { reason: failure.code, failure: { ...failure, of: 'taskId' as const } };
  const moved = await transition(tx, 'FAIL', options(settling, items, told));
  await countFor(tx, organizationId, moved, 'taskId', 'failed');
  // A revoke that waited behind the request has what it wanted.
  await countFor(tx, organizationId, moved, 'revokeTaskId', 'completed');
}

/** Seats looked free here and were not at Apple: its numbers are read again. */
export async function doubtSeats({ context, tx }: Settling, failed: Verdict['failed']): Promise<void> {
  const short = failed.filter(({ failure }) => failure.code === 'NO_LICENSES_AVAILABLE').map(({ item }) => item.appId);
  if (short.length > 0) await requestAssetRead(context, tx, [...new Set(short)]);
}

function byFailure(failed: Verdict['failed']): Map<ItemFailure, Carried[]> {
  const groups = new Map<ItemFailure, Carried[]>();
  for (const { item, failure } of failed) {
    const group = groups.get(failure);
    if (group) group.push(item);
    else groups.set(failure, [item]);
  }
  return groups;
}
