import { expect, test } from 'vitest';
import { createVirtualClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createDoorbell } from '../../src/realtime/doorbell.ts';
import { createHub } from '../../src/realtime/hub.ts';
import { eventually } from '../support/eventually.ts';

function setUp(round: (call: number) => Promise<void>) {
  const clock = createVirtualClock(new Date('2026-01-01T00:00:00Z'));
  const doorbell = createDoorbell();
  const seen = { rounds: 0, empty: 0 };
  const hub = createHub<string>({
    watcher: doorbell.watch('counts:1'),
    round: () => {
      seen.rounds += 1;
      return round(seen.rounds);
    },
    onEmpty: () => {
      seen.empty += 1;
    },
    pace: 0,
    clock,
    logger: silentLogger,
  });
  return { clock, doorbell, seen, hub, ring: () => doorbell.ring({ organizationId: 1n, kind: 'counts' }) };
}

test('F3 a round that fails is repeated after a wait, without another ring', async () => {
  const { clock, hub, seen } = setUp(async (call) => {
    if (call < 3) throw new Error('the database is away');
  });
  hub.join('reader');
  expect(
    await eventually(async () => {
      await clock.advance(100);
      return seen.rounds === 3;
    }),
  ).toBe(true);
  await clock.advance(60_000);
  expect(seen.rounds).toBe(3);
});

test('F3 rings during a round are one more round, never one beside it', async () => {
  let finish: () => void = () => {};
  const { hub, seen, ring } = setUp(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  hub.join('reader');
  await eventually(() => seen.rounds === 1);
  for (let times = 0; times < 5; times += 1) ring();
  expect(seen.rounds).toBe(1);
  finish();
  expect(await eventually(() => seen.rounds === 2)).toBe(true);
});

test('F3 a hub whose last reader left waits for nothing', async () => {
  const { hub, seen, doorbell, ring } = setUp(async () => {});
  hub.join('one');
  hub.join('two');
  await eventually(() => seen.rounds === 1);
  hub.leave('one');
  expect([seen.empty, doorbell.size]).toEqual([0, 1]);
  hub.leave('two');
  hub.leave('two');
  ring();
  expect([seen.empty, doorbell.size, seen.rounds]).toEqual([1, 0, 1]);
});
