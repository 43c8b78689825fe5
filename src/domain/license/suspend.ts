/** What a token's writer does when it can't go on. @module */
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import { AppleRefusedError, type DomainError, InstallationNotConfirmedError } from '../errors.ts';
import type { AppleFailure } from '../ports.ts';
import { giveSeatsBack, lockSeatsOf } from '../seat/stop.ts';
import { setWaiting } from '../task/change.ts';
import { type GateClaim, noteProgress, underGateClaim } from '../task/claim.ts';
import { countFor } from '../task/count-for.ts';
import { endSettledTasks } from '../task/settle.ts';
import { failWrites, lockPeopleOfWrites } from '../vpp-user/writes.ts';
import { releaseBehind } from './release-behind.ts';
import { lockPools, transition } from './transition.ts';
import { wakeWriter } from './wake-writer.ts';

/** Waits between tries while Apple does not answer. Milliseconds. */
const appleBackoff = { base: 2_000, factor: 2, cap: 300_000 };

/** Refusals in a row after which what Apple rejects is given up: about a minute. */
const maxRefusals = 5;

interface OpenTask {
  id: bigint;
  waitsFor: string | null;
  waitsUntil: Date | null;
}

/** Locks the tasks that have licenses, people or seats under way through this token, in id order. */
async function lockOpenTasks(tx: Tx, claim: GateClaim): Promise<OpenTask[]> {
  const { organizationId, tokenId } = claim;
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT l.task_id AS id FROM license l
    WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')
    UNION
    SELECT l.revoke_task_id FROM license l
    WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.revoke_task_id IS NOT NULL
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')
    UNION
    SELECT w.task_id FROM vpp_user_write w
    WHERE w.organization_id = ${organizationId} AND w.token_id = ${tokenId} AND w.state = 'OPEN'
    UNION
    SELECT l.task_id FROM seat_assignment l
    WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')
    UNION
    SELECT l.removal_task_id FROM seat_assignment l
    WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND l.removal_task_id IS NOT NULL
      AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING')`);
  return tx.$queryRaw<OpenTask[]>(sql`
    SELECT id, waits_for AS "waitsFor", waits_until AS "waitsUntil" FROM task
    WHERE organization_id = ${organizationId} AND id = ANY (${ids(rows.map((row) => row.id))}) AND state IN ('QUEUED', 'RUNNING', 'WAITING')
    ORDER BY id FOR UPDATE`);
}

/** Apple is not to be reached or asked to wait: the tasks say so, and the writer comes back. */
export async function waitForApple(context: Context, claim: GateClaim, failure: AppleFailure): Promise<void> {
  if (await isFinal(context, claim, failure)) return giveUp(context, claim, failure);
  await underGateClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    // A wait that Apple names is no failed try: it must not lengthen the waits that Russet chooses itself.
    const failed = failure.retryAfter === undefined ? 1 : 0;
    const [gate] = await tx.$queryRaw<{ attempts: number }[]>(sql`
      UPDATE token_gate SET attempts = attempts + ${failed} WHERE organization_id = ${claim.organizationId} AND token_id = ${claim.tokenId} RETURNING attempts`);
    const until = new Date(now.getTime() + (failure.retryAfter ?? backoff(gate!.attempts, appleBackoff)));
    const tasks = await lockOpenTasks(tx, claim);
    await comeBackAt(tx, claim, until);
    for (const { id: taskId } of tasks) {
      await setWaiting(tx, { organizationId: claim.organizationId, taskId }, 'APPLE', until, now);
    }
    const { kind, appleErrorNumber } = failure;
    context.logger.warn(
      { tokenId: String(claim.tokenId), kind, appleErrorNumber, until },
      'Apple did not take the call; waiting',
    );
  });
}

/** Whether Apple refused, again and again, what comes before every write, e.g. the claim of the library. */
async function isFinal(context: Context, claim: GateClaim, failure: AppleFailure): Promise<boolean> {
  if (failure.kind !== 'REJECTED' || failure.appleErrorNumber === undefined) return false;
  const { organizationId, tokenId } = claim;
  const gate = await context.prisma.tokenGate.findUnique({
    where: { organizationId_tokenId: { organizationId, tokenId } },
  });
  return (gate?.attempts ?? 0) >= maxRefusals;
}

/** Waiting longer is in vain: the tasks end with Apple's number, and their seats are free. */
async function giveUp(context: Context, claim: GateClaim, failure: AppleFailure): Promise<void> {
  const refusal = new AppleRefusedError(failure.appleErrorNumber ?? null, failure.message);
  await waitForRenewal(context, claim, refusal, 0);
  await underGateClaim(context, claim, (tx) => noteProgress(tx, claim));
}

/**
 * The token can't be used, or the database is a copy: the tasks wait for people, and give their seats back when nobody
 * comes within `patience` milliseconds.
 */
export function waitForRenewal(
  context: Context,
  claim: GateClaim,
  refusal: DomainError,
  patience = context.settings.renewalWait,
): Promise<void> {
  const waitsFor = refusal instanceof InstallationNotConfirmedError ? 'INSTALLATION' : 'TOKEN_RENEWAL';
  return underGateClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const tasks = (await lockOpenTasks(tx, claim)).map(({ id, waitsFor: before, waitsUntil }) => {
      const since = patience > 0 && before === waitsFor ? waitsUntil : null;
      return { id, until: since ?? new Date(now.getTime() + patience) };
    });
    const patient = tasks.filter((task) => task.until > now);
    const over = tasks.filter((task) => task.until <= now).map((task) => task.id);
    const settled = await giveBack(context, tx, claim, over, refusal, now);
    const times = [...patient.map((task) => task.until), ...(await nextPolls(tx, claim, now))];
    await comeBackAt(tx, claim, times.length > 0 ? new Date(Math.min(...times.map((time) => time.getTime()))) : null);
    const appleErrorNumber = refusal instanceof AppleRefusedError ? refusal.appleErrorNumber : null;
    const cause = { code: refusal.code, message: refusal.message, appleErrorNumber };
    await endSettledTasks(tx, claim.organizationId, over, now, cause);
    await endSettledTasks(
      tx,
      claim.organizationId,
      settled.filter((id) => !over.includes(id)),
      now,
    );
    for (const task of patient) {
      const key = { organizationId: claim.organizationId, taskId: task.id };
      await setWaiting(tx, key, waitsFor, task.until, now);
    }
  });
}

/**
 * Ends what the tasks still have under way through this token: seats reserved for it are free again. What Apple may have
 * done meanwhile shows at the next sync. Gives the tasks that were counted for.
 */
async function giveBack(
  context: Context,
  tx: Tx,
  claim: GateClaim,
  taskIds: readonly bigint[],
  refusal: DomainError,
  now: Date,
): Promise<bigint[]> {
  const { organizationId, tokenId } = claim;
  const mine = (column: 'task_id' | 'revoke_task_id') =>
    sql`l.token_id = ${tokenId} AND ${column === 'task_id' ? sql`l.task_id` : sql`l.revoke_task_id`} = ANY (${ids(taskIds)})`;
  const common = { organizationId, now, actor: context.actor, reason: refusal.code };
  const failure = { code: refusal.code, message: refusal.message };
  const counted: bigint[] = [];
  const people = sql`w.token_id = ${tokenId} AND w.task_id = ANY (${ids(taskIds)})`;
  if (taskIds.length > 0) {
    const theirs = sql`l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING') AND (${mine('task_id')} OR ${mine('revoke_task_id')})`;
    await lockPools(
      tx,
      organizationId,
      sql`SELECT l.pool_id FROM license l WHERE l.organization_id = ${organizationId} AND ${theirs}`,
    );
    await lockSeatsOf(tx, organizationId, taskIds);
    await lockPeopleOfWrites(tx, organizationId, people);
    counted.push(
      ...(await releaseBehind(tx, organizationId, sql`${mine('task_id')} AND l.revoke_task_id IS NOT NULL`, failure, {
        now,
        ending: true,
      })),
    );
    const failed = await transition(tx, 'FAIL', {
      ...common,
      where: mine('task_id'),
      failure: { ...failure, of: 'taskId' },
    });
    counted.push(...(await countFor(tx, organizationId, failed, 'taskId', 'failed')));
    const kept = await transition(tx, 'KEEP', {
      ...common,
      where: mine('revoke_task_id'),
      failure: { ...failure, of: 'revokeTaskId' },
    });
    counted.push(...(await countFor(tx, organizationId, kept, 'revokeTaskId', 'failed')));
    counted.push(...(await releaseBehind(tx, organizationId, mine('revoke_task_id'), failure, { now })));
    counted.push(...(await giveSeatsBack(context, tx, claim, taskIds, failure)));
    counted.push(...(await failWrites(tx, organizationId, people, failure, now)));
  }
  await closeEmptyCalls(tx, claim, now);
  return [...new Set(counted)];
}

/** When open calls are to be asked about: a token that may not write may still read what became of them. */
async function nextPolls(tx: Tx, { organizationId, tokenId }: GateClaim, now: Date): Promise<Date[]> {
  const [row] = await tx.$queryRaw<{ next: Date | null }[]>(sql`
    SELECT min(next_poll_at) AS next FROM apple_call WHERE organization_id = ${organizationId} AND token_id = ${tokenId}
      AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN') AND next_poll_at > ${moment(now)}`);
  return row?.next ? [row.next] : [];
}

/** A call that carries nothing any more is not asked about again. */
async function closeEmptyCalls(tx: Tx, { organizationId, tokenId }: GateClaim, now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call c SET state = 'REJECTED', settled_at = ${moment(now)}, next_poll_at = NULL
    WHERE c.organization_id = ${organizationId} AND c.token_id = ${tokenId} AND c.state IN ('SENT', 'ACCEPTED', 'UNKNOWN')
      AND NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = c.organization_id AND l.call_id = c.id
        AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
      AND NOT EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = c.organization_id AND w.call_id = c.id AND w.state = 'OPEN')
      AND NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = c.organization_id AND l.call_id = c.id
        AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING'))`);
}

async function comeBackAt(tx: Tx, claim: GateClaim, at: Date | null): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_gate SET suspended_until = ${moment(at)} WHERE organization_id = ${claim.organizationId} AND token_id = ${claim.tokenId}`);
  if (at) await wakeWriter(tx, claim, at);
}
