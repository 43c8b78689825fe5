/** What a sync does when it can't go on. @module */
import { moment, sql } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import { type TaskCause, endTask, setWaiting } from '../task/change.ts';
import { ClaimLostError, type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { wakeSync } from './start.ts';

/** A sync that got no further fails after this many tries in a row. */
const maxAttempts = 5;
/** Waits between the tries. Milliseconds. */
const waits = { base: 2_000, factor: 2, cap: 120_000 };

/** Waits and comes back, or ends the sync with its cause. Anything that is no expected failure is rethrown. */
export async function keepSyncFailure(context: Context, claim: TaskClaim, token: TokenKey, error: unknown): Promise<void> {
  try {
    await keep(context, claim, token, error);
  } catch (second) {
    if (!(second instanceof ClaimLostError)) throw second;
  }
}

async function keep(context: Context, claim: TaskClaim, token: TokenKey, error: unknown): Promise<void> {
  if (error instanceof DomainError) return fail(context, claim, { code: error.code, message: error.message, appleErrorNumber: null });
  if (!(error instanceof AppleFailure)) throw error;
  if (error.kind === 'SWEEP_LOST') await forgetSweep(context, claim, token);
  const repeatable = error.kind === 'UNAVAILABLE' || error.kind === 'RATE_LIMITED' || error.kind === 'SWEEP_LOST';
  if (!repeatable || !(await waitForApple(context, claim, error))) return fail(context, claim, causeOf(error));
}

function fail(context: Context, claim: TaskClaim, cause: TaskCause): Promise<void> {
  context.logger.warn({ taskId: String(claim.taskId), code: cause.code, appleErrorNumber: cause.appleErrorNumber }, 'sync failed');
  return underTaskClaim(context, claim, (tx) => endTask(tx, claim, { state: 'FAILED', cause }, context.clock.now()));
}

/** False when the tries are used up. A wait that Apple itself asked for is no try. */
function waitForApple(context: Context, claim: TaskClaim, failure: AppleFailure): Promise<boolean> {
  return underTaskClaim(context, claim, async (tx) => {
    const [task] = await tx.$queryRaw<{ attempts: number }[]>(sql`
      UPDATE task SET attempts = attempts + 1 WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId} RETURNING attempts`);
    if (task!.attempts >= maxAttempts) return false;
    const now = context.clock.now();
    const until = new Date(now.getTime() + (failure.retryAfter ?? backoff(task!.attempts, waits)));
    await tx.$executeRaw(sql`UPDATE task SET due_at = ${moment(until)} WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    await wakeSync(tx, claim, until);
    await setWaiting(tx, claim, 'APPLE', until, now);
    return true;
  });
}

/** Apple no longer knows the pages or the version: the sweep begins anew. */
function forgetSweep(context: Context, claim: TaskClaim, token: TokenKey): Promise<unknown> {
  return underTaskClaim(context, claim, (tx) => tx.$executeRaw(sql`
    UPDATE token_sync SET sweep_task_id = NULL WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`));
}

const codes: Partial<Record<AppleFailure['kind'], string>> = {
  TOKEN_EXPIRED: 'TOKEN_EXPIRED',
  TOKEN_REVOKED: 'TOKEN_NOT_USABLE',
  TOKEN_INVALID: 'TOKEN_NOT_USABLE',
  TOKEN_READ_ONLY: 'TOKEN_NOT_USABLE',
  RATE_LIMITED: 'APPLE_RATE_LIMITED',
  UNAVAILABLE: 'APPLE_UNAVAILABLE',
  SWEEP_LOST: 'APPLE_UNAVAILABLE',
};

const sentences: Partial<Record<AppleFailure['kind'], string>> = {
  TOKEN_EXPIRED: 'The token has expired. Upload a renewed token file and sync again.',
  TOKEN_REVOKED: 'Apple revoked the token, usually because a newer one was downloaded. Upload the newest file.',
  TOKEN_INVALID: 'Apple does not accept the token. Download a new token file and upload it.',
  TOKEN_READ_ONLY: 'The token lacks the right to do this at Apple. Upload one of a content manager.',
  RATE_LIMITED: 'Apple refused the calls as too many, again and again. Try again later.',
  UNAVAILABLE: 'Apple did not answer in spite of several tries. What was read so far is kept; sync again later.',
};

function causeOf(failure: AppleFailure): TaskCause {
  return {
    code: codes[failure.kind] ?? 'APPLE_REFUSED',
    message: sentences[failure.kind] ?? `Apple refused: ${failure.message}`,
    appleErrorNumber: failure.appleErrorNumber ?? null,
  };
}
