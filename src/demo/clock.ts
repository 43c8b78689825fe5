/** Time for people who wait: real time, and how it is written. @module */
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds since this process began. */
export const now = (): number => performance.now();

/** Waits; returns early when `signal` ends it. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal ? { signal } : {});
  } catch {
    // Whoever waits looks at the signal.
  }
}

/** A duration as people write it, e.g. `0.4 s`, `1 min 5 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
