/** Brings what Apple said of a write into the license rows, the pools, the ledger and the task. May come twice. @module */
import { type Sql, type Tx, ids, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { AppleFailure } from '../ports.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import { type TaskFailure, recordFailures } from '../task/failures.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { type CallKind, type Carried, closeCall } from './call.ts';
import { countFor } from './count-done.ts';
import { type Moved, transition } from './transition.ts';

/** A call that is being settled. */
export interface SettledCall {
  callId: bigint;
  taskId: bigint;
  kind: CallKind;
  eventId?: string | null;
}

/** Why items failed at Apple. */
export interface ItemFailure {
  code: string;
  message: string;
  appleErrorNumber: number | null;
}

/** What became of a call's licenses. Ones that are in no list are sent again. */
export interface Verdict {
  done: readonly Carried[];
  failed: readonly { item: Carried; failure: ItemFailure }[];
}

/** Settles a call: confirmed and failed items, what goes back to be sent again, the tasks' counts and ends. */
export async function settleCall(context: Context, claim: GateClaim, call: SettledCall, verdict: Verdict): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  const ended = await underGateClaim(context, claim, async (tx) => {
    const waiting = [...new Set([...verdict.done, ...verdict.failed.map(({ item }) => item)].flatMap((item) => item.revokeTaskId ?? []))];
    const taskIds = [...new Set([call.taskId, ...waiting])].sort((a, b) => (a < b ? -1 : 1));
    await lockTasks(tx, organizationId, taskIds);
    const settling = { context, tx, call, now, organizationId };
    await failItems(settling, verdict.failed);
    await finishItems(settling, verdict.done);
    await sendAgain(settling);
    await closeCall(tx, organizationId, call.callId, 'SETTLED', now);
    context.failpoint('settling');
    return endSettledTasks(tx, organizationId, taskIds, now);
  });
  context.failpoint('done');
  if (ended.length > 0) context.logger.info({ taskIds: ended.map(String), callId: String(call.callId) }, 'tasks ended');
}

interface Settling {
  context: Context;
  tx: Tx;
  call: SettledCall;
  now: Date;
  organizationId: bigint;
}

const options = (settling: Settling, where: Sql, reason?: string, set?: Sql) => ({
  organizationId: settling.organizationId,
  where: sql`l.call_id = ${settling.call.callId} AND ${where}`,
  now: settling.now,
  actor: settling.context.actor,
  taskId: settling.call.taskId,
  appleEventId: settling.call.eventId ?? null,
  reason: reason ?? null,
  ...(set ? { set } : {}),
});

const among = (items: readonly Carried[]) => sql`l.id = ANY (${ids(items.map((item) => item.id))})`;

async function finishItems(settling: Settling, items: readonly Carried[]): Promise<void> {
  if (items.length === 0) return;
  const { tx, organizationId, call } = settling;
  if (call.kind === 'DISASSOCIATE') {
    const revoked = await transition(tx, 'REVOKE', options(settling, among(items), 'REVOKED'));
    await countFor(tx, organizationId, revoked, 'revokeTaskId', 'completed');
    return;
  }
  const confirmed = await transition(tx, 'CONFIRM', options(settling, among(items)));
  await countFor(tx, organizationId, confirmed, 'taskId', 'completed');
  // A revoke that waited behind the request goes its way now.
  await transition(tx, 'REQUEST_REVOKE', options(settling, sql`${among(items)} AND l.revoke_task_id IS NOT NULL`, undefined, sql`call_id = NULL`));
}

async function failItems(settling: Settling, failed: Verdict['failed']): Promise<void> {
  for (const [failure, items] of byFailure(failed)) {
    const moved = await failGroup(settling, failure, items);
    if (moved.count > 0) await recordFailures(settling.tx, { organizationId: settling.organizationId, taskId: settling.call.taskId }, items.map((item) => asTaskFailure(item, failure)));
  }
}

async function failGroup(settling: Settling, failure: ItemFailure, items: readonly Carried[]): Promise<Moved> {
  const { tx, organizationId, call } = settling;
  if (call.kind === 'DISASSOCIATE') {
    const kept = await transition(tx, 'KEEP', options(settling, among(items), failure.code));
    await countFor(tx, organizationId, kept, 'revokeTaskId', 'failed');
    return kept;
  }
  const moved = await transition(tx, 'FAIL', options(settling, among(items), failure.code));
  await countFor(tx, organizationId, moved, 'taskId', 'failed');
  // A revoke that waited behind the request has what it wanted.
  await countFor(tx, organizationId, moved, 'revokeTaskId', 'completed');
  return moved;
}

/** What neither succeeded nor failed goes back to be sent. */
async function sendAgain(settling: Settling): Promise<void> {
  const { tx, call, organizationId } = settling;
  await transition(tx, call.kind === 'ASSOCIATE' ? 'RESEND' : 'RESEND_REVOKE', options(settling, sql`true`, 'NOT_APPLIED'));
  await tx.$executeRaw(sql`UPDATE license l SET call_id = NULL WHERE l.organization_id = ${organizationId} AND l.call_id = ${call.callId}
    AND l.state IN ('REQUESTED', 'REVOKE_REQUESTED')`);
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

function asTaskFailure(item: Carried, failure: ItemFailure): TaskFailure {
  return { ...failure, appId: item.appId, deviceId: item.deviceId, serialNumber: item.serialNumber, licenseId: item.id };
}

/** How Apple's errors are called where Russet has a word of its own. */
const codes: Record<number, string> = { 9706: 'NOT_REVOCABLE', 9707: 'NOT_DEVICE_ASSIGNABLE', 9709: 'NO_LICENSES_AVAILABLE' };

/** An item failure from Apple's number and text. */
export function itemFailure(appleErrorNumber: number | null, message: string): ItemFailure {
  const code = appleErrorNumber === null ? 'APPLE_REFUSED' : (codes[appleErrorNumber] ?? `APPLE_${appleErrorNumber}`);
  return { code, message, appleErrorNumber };
}

/** Fails some of the licenses of a call that Apple refused as a whole. */
export async function failCarried(context: Context, claim: GateClaim, call: SettledCall, items: readonly Carried[], failure: AppleFailure): Promise<void> {
  const reason = itemFailure(failure.appleErrorNumber ?? null, failure.message);
  await settleCall(context, claim, call, { done: [], failed: items.map((item) => ({ item, failure: reason })) });
}
