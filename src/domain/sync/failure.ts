/** What a sync does when it can't go on. @module */
import { moment, sql, type Tx } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import { endTask, setWaiting, type TaskCause } from '../task/change.ts';
import { ClaimLostError, type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { wakeSync } from './start.ts';
import { dropSweep } from './sweep-state.ts';

/** A sync that got no further fails after this many tries in a row: about two minutes. */
const maxAttempts = 7;
/** Waits between the tries where Apple names none. Milliseconds. */
const waits = { base: 2_000, factor: 2, cap: 120_000 };

/** Waits and comes back, or ends the sync with its cause. What is no expected failure is rethrown, so that the job comes again. */
export async function keepSyncFailure(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  error: unknown,
): Promise<void> {
  try {
    await keep(context, claim, token, error);
  } catch (second) {
    if (!(second instanceof ClaimLostError)) throw second;
  }
}

async function keep(context: Context, claim: TaskClaim, token: TokenKey, error: unknown): Promise<void> {
  if (error instanceof DomainError) return fail(context, claim, causeOfRefusal(error));
  if (!(error instanceof AppleFailure)) return keepDefect(context, claim, error);
  const repeatable = ['UNAVAILABLE', 'RATE_LIMITED', 'SWEEP_LOST'].includes(error.kind);
  if (!repeatable || !(await waitForApple(context, claim, token, error))) return fail(context, claim, causeOf(error));
}

function fail(context: Context, claim: TaskClaim, cause: TaskCause): Promise<void> {
  context.logger.warn(
    { taskId: String(claim.taskId), code: cause.code, appleErrorNumber: cause.appleErrorNumber },
    'sync failed',
  );
  return underTaskClaim(context, claim, (tx) => endTask(tx, claim, { state: 'FAILED', cause }, context.clock.now()));
}

/** A defect of ours, or the database: the job comes again, but not for ever. */
async function keepDefect(context: Context, claim: TaskClaim, error: unknown): Promise<void> {
  const attempts = await underTaskClaim(context, claim, (tx) => countAttempt(tx, claim)).catch((second: unknown) => {
    throw second instanceof ClaimLostError ? second : error;
  });
  if (attempts < maxAttempts) throw error;
  context.logger.error({ taskId: String(claim.taskId), error }, 'the sync is given up');
  return fail(context, claim, defect);
}

/** False when the tries are used up. To stand in our own line until Apple's Retry-After has passed is no try. */
function waitForApple(context: Context, claim: TaskClaim, token: TokenKey, failure: AppleFailure): Promise<boolean> {
  const held = failure.kind === 'RATE_LIMITED' && failure.httpStatus === undefined;
  return underTaskClaim(context, claim, async (tx) => {
    const attempts = held ? 0 : await countAttempt(tx, claim);
    if (attempts >= maxAttempts) return false;
    if (failure.kind === 'SWEEP_LOST') await dropSweep(tx, token);
    const now = context.clock.now();
    const until = new Date(now.getTime() + (failure.retryAfter ?? backoff(attempts, waits)));
    await tx.$executeRaw(sql`
      UPDATE task SET due_at = ${moment(until)} WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
    await wakeSync(tx, claim, until);
    await setWaiting(tx, claim, 'APPLE', until, now);
    return true;
  });
}

async function countAttempt(tx: Tx, claim: TaskClaim): Promise<number> {
  const [task] = await tx.$queryRaw<{ attempts: number }[]>(sql`
    UPDATE task SET attempts = attempts + 1 WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId} RETURNING attempts`);
  return task!.attempts;
}

const defect: TaskCause = {
  code: 'INTERNAL_ERROR',
  message:
    'Russet met an error of its own, again and again. What was read so far is kept; the log of the worker says more.',
  appleErrorNumber: null,
};

function causeOfRefusal(error: DomainError): TaskCause {
  return { code: error.code, message: error.message, appleErrorNumber: null };
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
  SWEEP_LOST: 'Apple lost its place in the list, again and again. What was read so far is kept; sync again later.',
  UNAVAILABLE: 'Apple did not answer in spite of several tries. What was read so far is kept; sync again later.',
};

function causeOf(failure: AppleFailure): TaskCause {
  return {
    code: codes[failure.kind] ?? 'APPLE_REFUSED',
    message: sentences[failure.kind] ?? `${failure.message}. What was read so far is kept.`,
    appleErrorNumber: failure.appleErrorNumber ?? null,
  };
}
