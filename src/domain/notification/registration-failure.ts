/** What became of a registration that Apple did not take. @module */
import { backoff } from '../../lib/backoff.ts';
import { TokenExpiredError, TokenNotUsableError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import type { RegistrationProblem } from './state.ts';

/** Waits between tries. Milliseconds. */
const retry = { base: 30_000, factor: 2, cap: 3_600_000 };

/** When it is tried again after `attempts` tries in a row. */
export function nextTry(attempts: number, now: Date, error: Error): Date {
  const asked = error instanceof AppleFailure ? error.retryAfter : undefined;
  return new Date(now.getTime() + (asked ?? backoff(attempts, retry)));
}

/** The token itself has to be mended first. */
export function isOfToken(error: Error): boolean {
  if (error instanceof AppleFailure) return error.kind.startsWith('TOKEN_');
  return error instanceof TokenExpiredError || error instanceof TokenNotUsableError;
}

/** Why it failed, as people see it. */
export function problemOf(error: Error): RegistrationProblem {
  if (!(error instanceof AppleFailure)) return { code: 'REFUSED', message: error.message, appleErrorNumber: null };
  const appleErrorNumber = error.appleErrorNumber ?? null;
  if (appleErrorNumber === 9728) {
    const message =
      'Apple got no answer from the webhook (9728). Check that PUBLIC_URL leads to the API from the internet, over https with a certificate that everybody trusts.';
    return { code: 'UNREACHABLE', message, appleErrorNumber };
  }
  const passes = error.kind === 'UNAVAILABLE' || error.kind === 'RATE_LIMITED' || error.kind === 'UNKNOWN_OUTCOME';
  return { code: passes ? 'APPLE_UNAVAILABLE' : 'REFUSED', message: error.message, appleErrorNumber };
}
