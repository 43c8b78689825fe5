/** Sends one write of people to Apple and keeps what came of it. @module */
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { acceptCall, closeCall, doubtCall, noteCall, type OfUsers, requireTimely } from '../license/call.ts';
import type { SendingManner } from '../license/sending-manner.ts';
import type { NextWork } from '../license/write-down.ts';
import { type AcceptedWrite, AppleFailure, type Credential, type UserWrite } from '../ports.ts';
import { setRunning } from '../task/change.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { callApple } from '../token/call-apple.ts';
import { userWriteReady } from '../work/due.ts';
import { judgeUser } from './judge.ts';
import { settleUsers, stopCancelled } from './settle.ts';
import { carriedUsers, failWrites, lockPeopleOfWrites, putWritesBack } from './writes.ts';

type Work = OfUsers<NextWork>;

/** A write that is written down and may be sent. */
interface WrittenUsers {
  callId: bigint;
  sentAt: Date;
  users: UserWrite[];
}

/**
 * Sends the task's next write of people. Where Apple refuses one without saying whom it means, the next ones are about
 * half as many, until that one is found.
 */
export async function sendUsers(context: Context, claim: GateClaim, work: Work, manner: SendingManner): Promise<void> {
  const written: { call: WrittenUsers | null } = { call: null };
  try {
    const accepted = await callApple(context, claim, 'WRITE', async (credential) => {
      const task = { organizationId: claim.organizationId, taskId: work.taskId };
      await underGateClaim(context, claim, (tx) => setRunning(tx, task, 'SENDING', context.clock.now()));
      // With a slot in hand: after a refusal in another process it made sure that the limits are new ones.
      const { maxUsers } = await context.apple.limits();
      const limit = Math.min(maxUsers, manner.get(work.taskId)?.holders ?? maxUsers);
      written.call = await writeDown(context, claim, work, limit);
      return written.call ? post(context, credential, written.call, work) : null;
    });
    if (accepted && written.call) await keepAccepted(context, claim, written.call, accepted);
  } catch (error) {
    if (!written.call || !(error instanceof AppleFailure)) throw error;
    await keepFailure(context, claim, written.call, work, error, manner);
  }
}

/** Takes the people who have waited longest and notes the call as SENT. Null when nobody is left. */
function writeDown(context: Context, claim: GateClaim, work: Work, limit: number): Promise<WrittenUsers | null> {
  const now = context.clock.now();
  const { organizationId, tokenId } = claim;
  return underGateClaim(context, claim, async (tx) => {
    await lockTasks(tx, organizationId, [work.taskId]);
    if (work.kind === 'RETIRE_USERS') await spareHolders(context, tx, claim, work);
    const writes = await tx.$queryRaw<{ id: bigint }[]>(sql`
      SELECT w.id FROM vpp_user_write w WHERE w.organization_id = ${organizationId} AND w.token_id = ${tokenId} AND w.task_id = ${work.taskId}
        AND w.kind = ${work.kind}::"AppleCallKind" AND ${userWriteReady} ORDER BY w.id LIMIT ${limit} FOR NO KEY UPDATE OF w`);
    if (writes.length === 0) return null;
    const callId = await noteCall(tx, claim, work, { items: writes.length, assets: 0 }, now);
    await tx.$executeRaw(sql`
      UPDATE vpp_user_write SET call_id = ${callId}, sends = sends + 1
      WHERE organization_id = ${organizationId} AND id = ANY (${ids(writes.map((write) => write.id))})`);
    const users = (await carriedUsers(tx, organizationId, callId)).map(({ clientUserId, email, managedAppleId }) => ({
      clientUserId,
      ...(email === null ? {} : { email }),
      ...(managedAppleId === null ? {} : { managedAppleId }),
    }));
    return { callId, sentAt: now, users };
  });
}

/** Whoever still holds what could be taken back is not retired: Apple does not say whether it frees those seats. */
async function spareHolders(context: Context, tx: Tx, claim: GateClaim, work: Work): Promise<void> {
  const { organizationId } = claim;
  const holds = sql`EXISTS (SELECT 1 FROM license l JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
    WHERE l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id AND l.state = 'CONFIRMED' AND p.revocable)`;
  const failure = {
    code: 'LICENSES_NOT_REVOKED',
    message: 'Not retired: a license could not be taken back, and its seat would be lost. Retry the task.',
  };
  // A seat through a group is not ours to take back.
  const seated = sql`EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id
    AND l.state IN ('CONFIRMED', 'REMOVAL_DEFERRED') AND NOT l.through_group)`;
  const seatFailure = {
    code: 'SEATS_NOT_REMOVED',
    message: 'Not retired: a seat of a subscription could not be taken back, and it would be lost. Retry the task.',
  };
  const now = context.clock.now();
  const mine = sql`w.task_id = ${work.taskId} AND w.kind = 'RETIRE_USERS'`;
  await failWrites(tx, organizationId, sql`${mine} AND ${userWriteReady} AND ${holds}`, failure, now);
  await failWrites(tx, organizationId, sql`${mine} AND ${userWriteReady} AND ${seated}`, seatFailure, now);
  await endSettledTasks(tx, organizationId, [work.taskId], now);
}

async function post(
  context: Context,
  credential: Credential,
  call: WrittenUsers,
  { kind }: Work,
): Promise<AcceptedWrite> {
  context.failpoint('before-call');
  requireTimely(context, call);
  if (kind === 'CREATE_USERS') return context.apple.createUsers(credential, call.users);
  if (kind === 'UPDATE_USERS') return context.apple.updateUsers(credential, call.users);
  return context.apple.retireUsers(credential, call.users);
}

function keepAccepted(
  context: Context,
  claim: GateClaim,
  { callId }: WrittenUsers,
  { eventId }: AcceptedWrite,
): Promise<void> {
  context.failpoint('after-call');
  return underGateClaim(context, claim, async (tx) => {
    await acceptCall(context, tx, claim, { callId, eventId });
    await noteProgress(tx, claim);
  });
}

/** What a failed write means for its people. Rethrows what concerns the token as a whole. */
async function keepFailure(
  context: Context,
  claim: GateClaim,
  call: WrittenUsers,
  work: Work,
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
  call: WrittenUsers,
  work: Work,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  if (call.users.length === 1) return reject(context, claim, call, work, failure, manner);
  await takeBack(context, claim, call, work, failure);
  const { maxUsers } = await context.apple.limits({ fresh: true });
  if (call.users.length <= maxUsers) halve(manner, work, call.users.length);
}

function halve(manner: SendingManner, { taskId }: Work, count: number): void {
  manner.set(taskId, { assets: 0, holders: Math.ceil(count / 2) });
}

/** Apple did nothing: the people wait for the next write, and this one does not count as sent. */
function takeBack(
  context: Context,
  claim: GateClaim,
  { callId }: WrittenUsers,
  { taskId }: Work,
  failure: AppleFailure,
): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  return underGateClaim(context, claim, async (tx) => {
    await lockTasks(tx, organizationId, [taskId]);
    await lockPeopleOfWrites(tx, organizationId, sql`w.call_id = ${callId}`);
    await tx.$executeRaw(sql`
      UPDATE vpp_user_write SET sends = sends - 1 WHERE organization_id = ${organizationId} AND call_id = ${callId} AND state = 'OPEN'`);
    await putWritesBack(tx, organizationId, callId);
    await stopCancelled(tx, organizationId, taskId, now);
    await closeCall(tx, organizationId, callId, 'REJECTED', now, failure.appleErrorNumber);
    await endSettledTasks(tx, organizationId, [taskId], now);
  });
}

/** Apple refused the whole call because of some people: those are settled, the others are sent again without them. */
async function reject(
  context: Context,
  claim: GateClaim,
  call: WrittenUsers,
  work: Work,
  failure: AppleFailure,
  manner: SendingManner,
): Promise<void> {
  const carried = await carriedUsers(context.prisma, claim.organizationId, call.callId);
  const named = carried.filter((user) => failure.failures?.clientUserIds.includes(user.clientUserId));
  if (named.length === 0 && carried.length > 1) {
    halve(manner, work, carried.length);
    return takeBack(context, claim, call, work, failure);
  }
  manner.delete(work.taskId);
  const hit = named.length > 0 ? named : carried;
  const said = {
    appleErrorNumber: failure.appleErrorNumber ?? 0,
    message: failure.message,
    assets: [],
    serialNumbers: [],
  };
  const judged = hit.map((user) => {
    const failures = [{ ...said, clientUserIds: [user.clientUserId] }];
    const verdict = judgeUser(work.kind, user, { status: 'FAILED', failures });
    return { user, verdict };
  });
  return settleUsers(context, claim, { callId: call.callId, taskId: work.taskId, kind: work.kind }, judged);
}
