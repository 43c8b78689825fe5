/** What a token's writer does when it can't go on. @module */
import { type Tx, moment, sql } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import type { DomainError } from '../errors.ts';
import type { AppleFailure } from '../ports.ts';
import { setWaiting } from '../task/change.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import { recordFailures } from '../task/failures.ts';
import { endSettledTasks, lockTasks } from '../task/settle.ts';
import { countFor } from './count-done.ts';
import { transition } from './transition.ts';
import { wakeWriter } from './wake-writer.ts';

/** Waits between tries while Apple does not answer. Milliseconds. */
const appleBackoff = { base: 2_000, factor: 2, cap: 300_000 };

interface OpenTask {
  id: bigint;
  waitsFor: string | null;
  waitsUntil: Date | null;
}

/** The tasks that have licenses under way through this token, in id order. */
function openTasks(tx: Tx, claim: GateClaim): Promise<OpenTask[]> {
  const open = sql`l.organization_id = ${claim.organizationId} AND l.token_id = ${claim.tokenId}`;
  return tx.$queryRaw<OpenTask[]>(sql`
    SELECT t.id, t.waits_for AS "waitsFor", t.waits_until AS "waitsUntil" FROM task t
    WHERE t.organization_id = ${claim.organizationId} AND t.state IN ('QUEUED', 'RUNNING', 'WAITING') AND (
      EXISTS (SELECT 1 FROM license l WHERE ${open} AND l.task_id = t.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE'))
      OR EXISTS (SELECT 1 FROM license l WHERE ${open} AND l.revoke_task_id = t.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')))
    ORDER BY t.id`);
}

/** Apple is not to be reached or asked to wait: the tasks say so, and the writer comes back. */
export function waitForApple(context: Context, claim: GateClaim, failure: AppleFailure): Promise<void> {
  return underGateClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const [gate] = await tx.$queryRaw<{ attempts: number }[]>(sql`
      UPDATE token_gate SET attempts = attempts + 1 WHERE organization_id = ${claim.organizationId} AND token_id = ${claim.tokenId} RETURNING attempts`);
    const until = new Date(now.getTime() + (failure.retryAfter ?? backoff(gate!.attempts, appleBackoff)));
    const tasks = await openTasks(tx, claim);
    await lockTasks(tx, claim.organizationId, tasks.map((task) => task.id));
    for (const task of tasks) await setWaiting(tx, { organizationId: claim.organizationId, taskId: task.id }, 'APPLE', until, now);
    await comeBackAt(tx, claim, until);
    context.logger.warn({ tokenId: String(claim.tokenId), kind: failure.kind, appleErrorNumber: failure.appleErrorNumber, until }, 'Apple did not take the call; waiting');
  });
}

/** The token can't be used: the tasks wait for a renewal, and give their seats back when none comes. */
export function waitForRenewal(context: Context, claim: GateClaim, refusal: DomainError): Promise<void> {
  return underGateClaim(context, claim, async (tx) => {
    const now = context.clock.now();
    const tasks = await openTasks(tx, claim);
    await lockTasks(tx, claim.organizationId, tasks.map((task) => task.id));
    let next: Date | null = null;
    for (const task of tasks) {
      const waited = task.waitsFor === 'TOKEN_RENEWAL' && task.waitsUntil ? task.waitsUntil : new Date(now.getTime() + context.settings.renewalWait);
      if (waited <= now) await giveBack(context, tx, claim, task.id, refusal, now);
      else {
        await setWaiting(tx, { organizationId: claim.organizationId, taskId: task.id }, 'TOKEN_RENEWAL', waited, now);
        if (!next || waited < next) next = waited;
      }
    }
    await comeBackAt(tx, claim, next);
  });
}

/** Ends what the task still has under way through this token: seats reserved for it are free again. */
async function giveBack(context: Context, tx: Tx, claim: GateClaim, taskId: bigint, refusal: DomainError, now: Date): Promise<void> {
  const { organizationId, tokenId } = claim;
  const common = { organizationId, now, actor: context.actor, taskId, reason: refusal.code };
  const failed = await transition(tx, 'FAIL', { ...common, where: sql`l.token_id = ${tokenId} AND l.task_id = ${taskId}` });
  const kept = await transition(tx, 'KEEP', { ...common, where: sql`l.token_id = ${tokenId} AND l.revoke_task_id = ${taskId}`, set: sql`call_id = NULL` });
  await countFor(tx, organizationId, failed, 'taskId', 'failed');
  await countFor(tx, organizationId, kept, 'revokeTaskId', 'failed');
  await recordFailures(tx, { organizationId, taskId }, [{ code: refusal.code, message: refusal.message, data: { licenses: failed.count + kept.count } }]);
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'REJECTED', settled_at = ${moment(now)}, next_poll_at = NULL
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND task_id = ${taskId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`);
  await endSettledTasks(tx, organizationId, [taskId], now, { code: refusal.code, message: refusal.message, appleErrorNumber: null });
}

async function comeBackAt(tx: Tx, claim: GateClaim, at: Date | null): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_gate SET suspended_until = ${moment(at)} WHERE organization_id = ${claim.organizationId} AND token_id = ${claim.tokenId}`);
  if (at) await wakeWriter(tx, claim, at);
}
