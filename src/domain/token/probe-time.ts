/** When Apple is asked about a token by itself. @module */
import { createHash } from 'node:crypto';
import { backoff } from '../../lib/backoff.ts';

/** Waits after a probe that Apple did not answer. Milliseconds. */
const unanswered = { base: 60_000, factor: 2, cap: 3_600_000 };

/** A doubt is looked into after this many milliseconds: one odd answer may be Apple's mistake. */
export const doubtWait = 60_000;

/** The next probe, from three to five quarters of `every` milliseconds from now: a thousand tokens never come together. */
export function nextProbe(mdmId: string, now: Date, every: number): Date {
  const share = createHash('sha256').update(`${mdmId} ${now.getTime()}`).digest().readUInt32BE(0) / 2 ** 32;
  return new Date(now.getTime() + Math.round(every * (0.75 + share / 2)));
}

/** The next try after `attempts` probes in a row without an answer; `retryAfter` is what Apple asked to wait. */
export function nextTry(attempts: number, now: Date, every: number, retryAfter = 0): Date {
  const wait = Math.min(every, backoff(attempts, unanswered));
  return new Date(now.getTime() + Math.max(wait, retryAfter));
}
