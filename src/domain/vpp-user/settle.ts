/** Settles a write of people: each is done, sent again, or a failed item of the task. May come twice. @module */
import { enqueue } from '../../db/enqueue.ts';
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { closeCall, putOffRest } from '../license/call.ts';
import type { ItemFailure } from '../license/item-failure.ts';
import { sumReported } from '../license/reported.ts';
import { AppleFailure, type WriteStatus } from '../ports.ts';
import { lockSeatLibrary, readSeatsBy } from '../seat/wake.ts';
import { addProgress } from '../task/change.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { judgeUser, type UserCall, type UserVerdict } from './judge.ts';
import { readUsersAgain } from './read-again.ts';
import { type CarriedUser, carriedUsers, failWrites, finishWrites, putWritesBack } from './writes.ts';

/** Settles the call by what Apple said of it, null when that is not known, and by its people as they are read now. */
export async function settleUserCall(
  context: Context,
  claim: GateClaim,
  call: UserCall,
  status: WriteStatus | null,
): Promise<void> {
  const { organizationId } = claim;
  const before = await carriedUsers(context.prisma, organizationId, call.id);
  await readIfShown(
    context,
    claim,
    before.map((user) => user.clientUserId),
  );
  const users = await carriedUsers(context.prisma, organizationId, call.id);
  await settleUsers(
    context,
    claim,
    { callId: call.id, taskId: call.taskId, kind: call.kind },
    users.map((user) => ({ user, verdict: judgeUser(call.kind, user, status, { putOff: call.errorNumber !== null }) })),
  );
}

/** Where Apple refuses to be asked, the last known has to do: nothing else of the token must wait for it. */
async function readIfShown(context: Context, claim: GateClaim, names: readonly string[]): Promise<void> {
  try {
    await readUsersAgain(context, claim, names);
  } catch (error) {
    if (!(error instanceof AppleFailure) || error.kind !== 'REJECTED') throw error;
    const { appleErrorNumber } = error;
    context.logger.warn(
      { tokenId: String(claim.tokenId), appleErrorNumber },
      'Apple does not show the people of a write',
    );
  }
}

/** A call of people that is settled. */
export type SettledUserCall = Pick<UserCall, 'taskId' | 'kind'> & { callId: bigint };

/** Settles the call by a verdict on each of its people. */
export async function settleUsers(
  context: Context,
  claim: GateClaim,
  call: SettledUserCall,
  judged: readonly { user: CarriedUser; verdict: UserVerdict }[],
): Promise<void> {
  const { organizationId } = claim;
  const now = context.clock.now();
  await underGateClaim(context, claim, async (tx) => {
    await lockTasks(tx, organizationId, [call.taskId]);
    if (call.kind === 'RETIRE_USERS') await lockSeatLibrary(tx, claim);
    const done = judged.filter(({ verdict }) => verdict === 'DONE').map(({ user }) => user.id);
    await finishWrites(tx, organizationId, done, call.kind, now);
    await addProgress(tx, { organizationId, taskId: call.taskId }, { completed: done.length });
    for (const [failure, writeIds] of byFailure(judged)) {
      await failWrites(tx, organizationId, sql`w.id = ANY (${ids(writeIds)})`, failure, now);
    }
    await leaveRest(tx, organizationId, call, judged, now);
    if (call.kind === 'RETIRE_USERS') {
      await readCountsAgain(context, tx, claim, call.taskId);
      await readSeatsBy(tx, claim, now);
    }
    await sumReported(tx, organizationId, call.taskId);
    await noteProgress(tx, claim);
    context.failpoint('settling');
    await endSettledTasks(tx, organizationId, [call.taskId], now);
  });
  context.failpoint('done');
}

/** Whoever is neither done nor failed goes back to be sent again; later, where Apple asked for it. */
async function leaveRest(
  tx: Tx,
  organizationId: bigint,
  call: SettledUserCall,
  judged: readonly { verdict: UserVerdict }[],
  now: Date,
): Promise<void> {
  const waits = judged.flatMap(({ verdict }) => (typeof verdict === 'object' && 'wait' in verdict ? [verdict] : []));
  const longest = waits.toSorted((a, b) => b.wait - a.wait)[0];
  if (longest && longest.wait > 0) {
    const later = { at: new Date(now.getTime() + longest.wait), errorNumber: longest.errorNumber };
    return putOffRest(tx, organizationId, call.callId, later);
  }
  await putWritesBack(tx, organizationId, call.callId);
  await stopCancelled(tx, organizationId, call.taskId, now);
  await closeCall(tx, organizationId, call.callId, 'SETTLED', now);
}

function byFailure(judged: readonly { user: CarriedUser; verdict: UserVerdict }[]): Map<ItemFailure, bigint[]> {
  const groups = new Map<string, [ItemFailure, bigint[]]>();
  for (const { user, verdict } of judged) {
    if (typeof verdict === 'string' || 'wait' in verdict) continue;
    const key = JSON.stringify(verdict);
    const group = groups.get(key) ?? [verdict, []];
    group[1].push(user.id);
    groups.set(key, group);
  }
  return new Map(groups.values());
}

/** What would be sent again is not, once the task was cancelled. */
export function stopCancelled(tx: Tx, organizationId: bigint, taskId: bigint, now: Date): Promise<bigint[]> {
  const cancelled = sql`EXISTS (SELECT 1 FROM task t WHERE t.organization_id = w.organization_id AND t.id = w.task_id AND t.cancel_requested_at IS NOT NULL)`;
  const failure = { code: 'CANCELLED', message: 'Cancelled before Apple had done it.' };
  return failWrites(
    tx,
    organizationId,
    sql`w.task_id = ${taskId} AND w.call_id IS NULL AND ${cancelled}`,
    failure,
    now,
  );
}

/** Most assets whose numbers are read again after people were retired. */
const maxAssets = 100;

/** Apple may have freed seats of its own accord: the numbers of what the people had are read again. */
async function readCountsAgain(context: Context, tx: Tx, token: GateClaim, taskId: bigint): Promise<void> {
  const { organizationId, tokenId } = token;
  const assets = await tx.$queryRaw<{ adamId: string }[]>(sql`
    SELECT DISTINCT l.adam_id AS "adamId" FROM vpp_user_write w
    JOIN license l ON l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id
    WHERE w.organization_id = ${organizationId} AND w.task_id = ${taskId} ORDER BY 1 LIMIT ${maxAssets}`);
  for (const { adamId } of assets) {
    const key = { organizationId: String(organizationId), tokenId: String(tokenId) };
    await enqueue(tx, {
      name: 'refresh-asset',
      payload: { ...key, adamId, correlationId: context.correlationId },
      key: `asset:${organizationId}:${tokenId}:${adamId}`,
    });
  }
}
