import { expect, test } from 'vitest';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { createSharedReads } from '../../src/realtime/shared-reads.ts';
import { forever } from './support.ts';

function setUp(kept = 2) {
  const clock = createVirtualClock(new Date(0));
  return { clock, reads: createSharedReads({ kept, clock, signal: forever }) };
}

test('F1 a thousand readers of the same place cause one read', async () => {
  const { reads } = setUp();
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => reads.share('a', 1, async () => ({}))));
  expect(new Set(answers).size).toBe(1);
  expect(reads.reads).toBe(1);
});

test('F1 an answer asked for before a ring is not given to whoever asks after it', async () => {
  const { reads } = setUp();
  const old = reads.share('a', 1, async () => 'old');
  expect(await reads.share('a', 2, async () => 'new')).toBe('new');
  expect(await old).toBe('old');
});

test('F1 only the newest answers are kept', async () => {
  const { reads } = setUp(2);
  for (const key of ['a', 'b', 'c', 'c', 'a']) await reads.share(key, 1, async () => key);
  expect(reads.reads).toBe(4);
});

test('F1 a failure is told to those who asked and is not kept', async () => {
  const { reads } = setUp();
  await expect(
    reads.share('a', 1, async () => {
      throw new Error('wrong statement');
    }),
  ).rejects.toThrow('wrong statement');
  expect(await reads.share('a', 1, async () => 'right')).toBe('right');
});

test('F1 a database that is away for a moment is asked again', async () => {
  const { reads, clock } = setUp();
  let failures = 2;
  const answer = reads.share('a', 1, async () => {
    failures -= 1;
    if (failures >= 0) throw Object.assign(new Error('terminating connection'), { code: '57P01' });
    return 'back';
  });
  for (let step = 0; step < 20; step += 1) await clock.advance(100);
  expect(await answer).toBe('back');
  expect(reads.reads).toBe(3);
});
