import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Services } from '../../../src/domain/context.ts';
import { blockGate, type TokenKey, takeSlot } from '../../../src/domain/token/gate.ts';
import { createWorld, type World } from '../../support/world.ts';
import { newTenant, ownClock } from '../sync/support.ts';

let world: World;
let key: TokenKey;
let other: TokenKey;
beforeAll(async () => {
  world = await createWorld();
  const tenant = await newTenant(world);
  key = { organizationId: tenant.organizationId, tokenId: await tenant.upload('own') };
  other = { organizationId: tenant.organizationId, tokenId: await tenant.upload('district') };
});
afterAll(() => world.close());

/** The services of one caller, with a time of its own, at `rate` calls a second. */
function caller(rate: number, start = world.clock.now()): Services {
  const { apple } = world.services;
  const limits = async () => ({ ...(await apple.limits()), maxRequestsPerSecond: rate });
  return { ...world.services, clock: ownClock(start), apple: { ...apple, limits } };
}

/** When each of the callers may make its call, in order. */
async function slots(uses: readonly ('SYNC' | 'OTHER')[], rate: number): Promise<number[]> {
  const start = world.clock.now().getTime();
  const at = await Promise.all(
    uses.map(async (use) => {
      const services = caller(rate);
      await takeSlot(services, key, use);
      return services.clock.now().getTime() - start;
    }),
  );
  return at.sort((a, b) => a - b);
}
const gaps = (at: readonly number[]) => at.slice(1).map((moment, index) => moment - at[index]!);

test.each([10, 14, 15, 7])('F3 20 callers at once stand in line: never more than %i a second', async (rate) => {
  await world.clock.advance(60_000);
  const at = await slots(Array(20).fill('OTHER'), rate);
  expect(at[0]).toBe(0);
  expect(Math.min(...gaps(at))).toBe(Math.ceil(1000 / rate));
  expect(at[19]).toBe(19 * Math.ceil(1000 / rate));
});

test('F3 20 calls of a sync take at most two thirds of the rate', async () => {
  await world.clock.advance(60_000);
  const at = await slots(Array(20).fill('SYNC'), 10);
  expect(gaps(at).every((gap) => gap >= 100)).toBe(true);
  expect(at[19]).toBeGreaterThanOrEqual(19 * 150);
});

test('F3 a sync and others together never exceed the rate', async () => {
  await world.clock.advance(60_000);
  const at = await slots(
    Array.from({ length: 40 }, (_, index) => (index % 2 ? 'SYNC' : 'OTHER')),
    10,
  );
  expect(Math.min(...gaps(at))).toBeGreaterThanOrEqual(100);
});

test('F3 a call that is no sync waits for no more than the calls that stand before it', async () => {
  await world.clock.advance(60_000);
  const sync = caller(10);
  await takeSlot(sync, key, 'SYNC');
  const services = caller(10);
  await takeSlot(services, key, 'OTHER');
  expect(services.clock.now().getTime() - world.clock.now().getTime()).toBe(100);
});

test('S69 while Apple wants a pause every call of the token is refused, with the rest of the wait; no other token’s', async () => {
  await world.clock.advance(60_000);
  await blockGate(world.services, key, 30_000);
  await blockGate(world.services, key, 10_000);
  for (const use of ['SYNC', 'OTHER'] as const) {
    await expect(takeSlot(caller(10), key, use)).rejects.toMatchObject({ kind: 'RATE_LIMITED', retryAfter: 30_000 });
    await takeSlot(caller(10), other, use);
  }
  const later = new Date(world.clock.now().getTime() + 30_000);
  const services = caller(10, later);
  await takeSlot(services, key, 'OTHER');
  expect(services.clock.now()).toEqual(later);
});

test('S69 a caller that stands in line learns of a pause that Apple asked for meanwhile', async () => {
  await world.clock.advance(60_000);
  await takeSlot(caller(10), key, 'OTHER');
  const services = caller(10);
  const { clock } = services;
  const waiting: Services = {
    ...services,
    clock: {
      now: clock.now,
      sleep: async (milliseconds) => {
        await clock.sleep(milliseconds);
        await blockGate(services, key, 5_000);
      },
    },
  };
  await expect(takeSlot(waiting, key, 'OTHER')).rejects.toMatchObject({ kind: 'RATE_LIMITED', retryAfter: 5_000 });
});
