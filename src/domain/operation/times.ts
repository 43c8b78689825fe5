/** How long operations wait, for what. Named and in milliseconds. @module */
import { backoff } from '../../lib/backoff.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A command that the device did not answer by then is given up; it may still run. */
export const commandPatience = 7 * day;
/** From the device's "accepted" to its app list showing it. */
export const installPatience = 6 * hour;
/** For the person at the device. */
export const promptPatience = 3 * day;
/** For the device to enroll, and for its turn. */
export const readyPatience = 30 * day;
/** How often something that waits for another thing is looked at although nobody rang. */
export const lookAgain = 15 * minute;

/** Waits of a device that does not see its license: three short ones, then growing ones. */
const propagationWaits = [20 * second, minute, 3 * minute];
const propagationBackoff = { base: 6 * minute, factor: 2, cap: hour };
/** Tries after which a license that a device does not see is a failure: about nine hours. */
export const maxPropagations = 15;

/** The wait after try number `attempt` (the first is 1). */
export const propagationWait = (attempt: number): number =>
  propagationWaits[attempt - 1] ?? backoff(attempt - propagationWaits.length, propagationBackoff);

const retryBackoff = { base: 2 * minute, factor: 5, cap: 4 * hour };
/** Tries of what should pass by itself, and of what Russet does not know. */
export const maxRetries = 5;
export const retryWait = (attempt: number): number => backoff(attempt, retryBackoff);

const shortestPoll = 15 * second;
const longestPoll = 30 * minute;

/** When a device that works on it is asked again: after half of the time that it has worked on it so far. */
export const pollWait = (workingFor: number): number =>
  Math.min(longestPoll, Math.max(shortestPoll, Math.round(workingFor / 2)));
