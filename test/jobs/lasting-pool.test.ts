import { expect, test } from 'vitest';
import { type JobPool, keepPool } from '../../src/jobs/lasting-pool.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { eventually } from '../support/eventually.ts';

/** A pool that ends when it is told to. */
function makePool(poolId: string): JobPool & { end(): void; stops: number } {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const pool = {
    poolId,
    ended,
    end,
    stops: 0,
    stop: async () => {
      pool.stops += 1;
      end();
    },
  };
  return pool;
}

const parts = { clock: systemClock, logger: silentLogger };

test('F12 a pool that ended by itself is cleared away and has a successor, however many tries it takes', async () => {
  const [first, second] = [makePool('first'), makePool('second')];
  const starts = [
    async () => first,
    () => Promise.reject(new Error('no database')),
    () => Promise.reject(new Error('no database')),
    async () => second,
  ];
  const kept = await keepPool(() => starts.shift()!(), parts);
  expect(kept.poolId).toBe('first');
  first.end();
  expect(await eventually(() => kept.poolId === 'second')).toBe(true);
  expect(first.stops).toBe(1);
  await kept.stop();
  expect(second.stops).toBeGreaterThan(0);
});

test('F12 a pool that is stopped has no successor', async () => {
  let starts = 0;
  const pool = makePool('only');
  const kept = await keepPool(async () => {
    starts += 1;
    return pool;
  }, parts);
  await kept.stop();
  expect(starts).toBe(1);
  expect(pool.stops).toBeGreaterThan(0);
});

test('F12 stopping ends the tries to start again', async () => {
  const pool = makePool('first');
  let tries = 0;
  const kept = await keepPool(async () => {
    if (tries++ > 0) throw new Error('no database');
    return pool;
  }, parts);
  pool.end();
  expect(await eventually(() => tries > 1)).toBe(true);
  await kept.stop();
});
