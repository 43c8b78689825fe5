/** The one writer of a token: polls, compares and sends until nothing is due, then says when it comes back. @module */
import { sql } from '../../db/transaction.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { InstallationNotConfirmedError, TokenExpiredError, TokenNotUsableError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import { setRunning, setWaiting } from '../task/change.ts';
import { ClaimLostError, claimGate, type GateClaim, underGateClaim } from '../task/claim.ts';
import { publishProgress } from '../task/events.ts';
import { lockTasks } from '../task/settle.ts';
import { usableToken } from '../token/exchange.ts';
import type { TokenKey } from '../token/gate.ts';
import { pollNext } from './poll.ts';
import { reconcileNext } from './reconcile-call.ts';
import { sendNext } from './send.ts';
import type { SendingManner } from './sending-manner.ts';
import { waitForApple, waitForRenewal } from './suspend.ts';
import { wakeWriter } from './wake-writer.ts';

/**
 * Does everything that is due for the token. May be called at any time, twice, and on two machines: the newer claim
 * works on and the older one stops at its next write.
 */
export async function writeLicenses(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const context = systemContext(services, token.organizationId, 'writer', correlationId);
  const claim = await claimGate(services, token);
  if (!claim) return;
  services.failpoint('claimed');
  try {
    await takeOverSent(context, claim);
    await workUntilIdle(context, claim);
  } catch (error) {
    await giveWay(context, claim, error);
  }
}

/** Calls that an earlier writer sent and did not live to hear of: their outcome is unknown. */
function takeOverSent(context: Context, claim: GateClaim): Promise<unknown> {
  const wait = context.settings.unknownOutcomeWait / 1000;
  return underGateClaim(context, claim, (tx) =>
    tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'UNKNOWN', next_poll_at = sent_at + make_interval(secs => ${wait}::float8)
    WHERE organization_id = ${claim.organizationId} AND token_id = ${claim.tokenId} AND state = 'SENT'`),
  );
}

async function workUntilIdle(context: Context, claim: GateClaim): Promise<void> {
  const manner: SendingManner = new Map();
  for (;;) {
    while (
      (await pollNext(context, claim)) ||
      (await reconcileNext(context, claim)) ||
      (await sendNext(context, claim, manner))
    ) {
      await publishOpenTasks(context, claim, false);
    }
    const next = await comeBack(context, claim);
    await publishOpenTasks(context, claim, true);
    const wait = next ? next.getTime() - context.clock.now().getTime() : Number.POSITIVE_INFINITY;
    // A short wait is not worth a job: the queue looks for delayed jobs only now and then.
    if (wait > context.settings.lingerFor) return;
    await context.clock.sleep(wait);
  }
}

/** Notes when the next open call is due, and wakes the writer then. */
function comeBack(context: Context, claim: GateClaim): Promise<Date | null> {
  const { organizationId, tokenId } = claim;
  return underGateClaim(context, claim, async (tx) => {
    const open = sql`c.organization_id = ${organizationId} AND c.token_id = ${tokenId} AND c.state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`;
    await tx.$executeRaw(sql`
      UPDATE token_gate SET suspended_until = NULL, attempts = 0 WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
    const calls = await tx.$queryRaw<{ taskId: bigint; next: Date | null; putOff: boolean }[]>(sql`
      SELECT c.task_id AS "taskId", min(c.next_poll_at) AS next, bool_and(c.error_number IS NOT NULL) AS "putOff"
      FROM apple_call c WHERE ${open} GROUP BY 1 ORDER BY 1`);
    await lockTasks(
      tx,
      organizationId,
      calls.map((call) => call.taskId),
    );
    const times = calls.flatMap((call) => (call.next ? [call.next.getTime()] : []));
    const next = times.length > 0 ? new Date(Math.min(...times)) : null;
    if (next) await wakeWriter(tx, claim, next);
    for (const call of calls) {
      const task = { organizationId, taskId: call.taskId };
      const now = context.clock.now();
      if (call.putOff && call.next) await setWaiting(tx, task, 'APPLE', call.next, now);
      else await setRunning(tx, task, 'CONFIRMING', now);
    }
    return next;
  });
}

/** Tells the progress of the tasks that this token works for. */
async function publishOpenTasks(context: Context, claim: GateClaim, force: boolean): Promise<void> {
  const tasks = await context.prisma.$queryRaw<{ id: bigint }[]>(sql`
    SELECT t.id FROM task_token k JOIN task t ON t.organization_id = k.organization_id AND t.id = k.task_id
    WHERE k.organization_id = ${claim.organizationId} AND k.token_id = ${claim.tokenId} AND t.dirty AND t.state IN ('QUEUED', 'RUNNING', 'WAITING')`);
  for (const task of tasks)
    await publishProgress(context, { organizationId: claim.organizationId, taskId: task.id }, { force });
}

/** What stands in the way of all of the token's writes. */
async function giveWay(context: Context, claim: GateClaim, error: unknown): Promise<void> {
  try {
    await wait(context, claim, error);
    await publishOpenTasks(context, claim, true);
  } catch (second) {
    if (!(second instanceof ClaimLostError)) throw second;
    context.logger.info({ tokenId: String(claim.tokenId) }, second.message);
  }
}

async function wait(context: Context, claim: GateClaim, error: unknown): Promise<void> {
  if (isRefusal(error)) return waitForRenewal(context, claim, error);
  if (!(error instanceof AppleFailure)) throw error;
  const refusal = error.kind.startsWith('TOKEN_') ? await presentRefusal(context, claim) : null;
  // Apple refused the token and it looks good here: its secret was renewed just now, or the clocks differ.
  return refusal ? waitForRenewal(context, claim, refusal) : waitForApple(context, claim, error);
}

type Refusal = TokenExpiredError | TokenNotUsableError | InstallationNotConfirmedError;

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof TokenExpiredError ||
  error instanceof TokenNotUsableError ||
  error instanceof InstallationNotConfirmedError;

/** Why the token can't be used now, or null when it can. */
async function presentRefusal(context: Context, claim: GateClaim): Promise<Refusal | null> {
  try {
    await usableToken(context, claim, 'WRITE');
    return null;
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}
