import { systemClock } from '../../src/lib/clock.ts';

/** Asks `check` again and again until it answers with something true, for at most `milliseconds`; returns the answer. */
export async function eventually<T>(check: () => T | Promise<T>, milliseconds = 10_000): Promise<T> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = await check();
    if (answer || performance.now() > deadline) return answer;
    await systemClock.sleep(20);
  }
}
