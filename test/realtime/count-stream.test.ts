import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AppCounts, noSeats } from '../../src/domain/app/counts.ts';
import { writeCursor } from '../../src/domain/task/cursor.ts';
import { createVirtualClock } from '../../src/lib/clock.ts';
import type { Realtime } from '../../src/realtime/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  addApp,
  addOrganization,
  addTask,
  addToken,
  createWorld,
  iterate,
  killListeners,
  publish,
  ring,
  type Seats,
  setSeats,
  take,
  takeMany,
  type World,
} from './support.ts';

let world: World;
let realtime: Realtime;
let organizationId: bigint;
let tokenId: bigint;
let ending: AbortController;

beforeAll(async () => {
  world = await createWorld();
  realtime = await world.realtime();
});
afterAll(() => world.close());
beforeEach(async () => {
  ending = new AbortController();
  organizationId = await addOrganization(world.pool);
  tokenId = await addToken(world.pool, organizationId);
});
afterEach(async () => {
  ending.abort();
  expect(await eventually(() => realtime.stats().streams === 0 && realtime.stats().watchers === 0)).toBe(true);
});

const newApp = () => addApp(world.pool, organizationId);
const set = (appId: bigint, seats: Seats, token = tokenId) => setSeats(world.pool, organizationId, token, appId, seats);
const ringCounts = () => ring(world.pool, { organizationId, kind: 'counts' });
const watch = (appIds: bigint[] | null, ofToken: bigint | null = null, from = realtime) =>
  iterate(from.counts.licenseCounts({ organizationId, appIds, tokenId: ofToken, signal: ending.signal }));

async function move(appId: bigint, seats: Seats, token = tokenId): Promise<void> {
  await set(appId, seats, token);
  await ringCounts();
}

test('F3 first the present counts of each app, then each change, with the age of the numbers', async () => {
  const [one, two] = [await newApp(), await newApp()];
  await set(one, { total: 10, held: 3, reserved: 2, retired: 1, appleAssigned: 4 });
  await set(two, { total: 5 });
  const reader = watch([one, two]);
  const asOf = new Date('2026-01-01T00:00:00Z');
  const first = await take(reader);
  expect(first).toEqual({
    appId: one,
    tokenId: null,
    unlimited: false,
    total: 10n,
    available: 5n,
    used: 5n,
    pending: 2n,
    retired: 1n,
    overdrawn: 0n,
    drift: -1n,
    deviceAssignable: true,
    asOf,
    source: 'SYNC',
    lastDrift: 0n,
    reconciledAt: null,
  } satisfies AppCounts);
  expect(await take(reader)).toMatchObject({ appId: two, total: 5n, available: 5n, used: 0n });
  await move(two, { total: 30 });
  expect(await take(reader)).toMatchObject({ appId: two, total: 30n, available: 30n });
});

test('F3 counts are summed over tokens that were not removed, or those of one token', async () => {
  const app = await newApp();
  const other = await addToken(world.pool, organizationId);
  await set(app, { total: 10, held: 4 });
  await set(app, { total: 3, held: 1, appleAsOf: '2025-06-01T00:00:00Z' }, other);
  await set(app, { total: 2, pricingParam: 'PLUS' }, other);
  const [all, ofOther] = [watch([app]), watch([app], other)];
  expect(await take(all)).toMatchObject({
    total: 15n,
    used: 5n,
    available: 10n,
    asOf: new Date('2025-06-01T00:00:00Z'),
  });
  expect(await take(ofOther)).toMatchObject({ tokenId: other, total: 5n, used: 1n, available: 4n });
  await world.pool.query('UPDATE token SET removed_at = now() WHERE id = $1', [other]);
  await ringCounts();
  expect(await take(all)).toMatchObject({ total: 10n, used: 4n });
  expect(await take(ofOther)).toEqual(noSeats(app, other));
});

test('F3 an unlimited app has no total, and an overdrawn one has nothing available', async () => {
  const [endless, overdrawn] = [await newApp(), await newApp()];
  await set(endless, { unlimited: true, held: 7 });
  await set(overdrawn, { total: 3, held: 5 });
  const reader = watch([endless, overdrawn]);
  expect(await take(reader)).toMatchObject({ unlimited: true, total: null, available: null, used: 7n });
  expect(await take(reader)).toMatchObject({ total: 3n, used: 5n, available: 0n, overdrawn: 2n });
});

test('F3 an app without seats is told as such, and its first seats are news', async () => {
  const app = await newApp();
  const reader = watch([app]);
  expect(await take(reader)).toEqual(noSeats(app, null));
  await move(app, { total: 25 });
  expect(await take(reader)).toMatchObject({ total: 25n, available: 25n });
});

test('F3 whoever watches all apps hears of new ones, and nobody hears of other apps or organizations', async () => {
  const [one, two] = [await newApp(), await newApp()];
  await set(one, { total: 1 });
  const [all, onlyOne] = [watch(null), watch([one])];
  expect(await take(all)).toMatchObject({ appId: one });
  expect(await take(onlyOne)).toMatchObject({ appId: one });
  await move(two, { total: 2 });
  expect(await take(all)).toMatchObject({ appId: two, total: 2n });
  await move(one, { total: 9 });
  expect(await take(onlyOne)).toMatchObject({ appId: one, total: 9n });
  const foreign = iterate(
    realtime.counts.licenseCounts({
      organizationId: organizationId + 1_000n,
      appIds: [one],
      tokenId: null,
      signal: ending.signal,
    }),
  );
  expect(await take(foreign)).toEqual(noSeats(one, null));
});

test('F3 a slow reader gets the newest counts of each app, once', async () => {
  const [one, two] = [await newApp(), await newApp()];
  await set(one, { total: 100 });
  await set(two, { total: 100 });
  const [slow, quick] = [watch([one, two]), watch([one])];
  await takeMany(slow, 2);
  await take(quick);
  for (let held = 1; held <= 20; held += 1) {
    await move(one, { total: 100, held });
    // Both are told in the same step.
    for (;;) if ((await take(quick)).used === BigInt(held)) break;
  }
  await move(two, { total: 101 });
  expect(await take(slow)).toMatchObject({ appId: one, used: 20n });
  expect(await take(slow)).toMatchObject({ appId: two, total: 101n });
});

test('F3 a ring without a change tells nothing', async () => {
  const app = await newApp();
  await set(app, { total: 1 });
  const reader = watch([app]);
  await take(reader);
  const before = realtime.stats().countReads;
  await ringCounts();
  expect(await eventually(() => realtime.stats().countReads > before)).toBe(true);
  await move(app, { total: 2 });
  expect(await take(reader)).toMatchObject({ total: 2n });
});

test('F3 what moved while nobody listened is told with the new connection', async () => {
  const app = await newApp();
  await set(app, { total: 1 });
  const reader = watch([app]);
  await take(reader);
  const next = take(reader);
  await set(app, { total: 26 });
  await killListeners(world.pool);
  expect(await next).toMatchObject({ total: 26n });
});

test('F3 a burst of rings costs one read in each interval', async () => {
  const clock = createVirtualClock(new Date('2026-01-01T00:00:00Z'));
  const paced = await world.realtime({ pace: 100 }, clock);
  const app = await newApp();
  const reader = watch([app], null, paced);
  await take(reader);
  const next = take(reader);
  for (let total = 1; total <= 30; total += 1) await move(app, { total });
  const task = await addTask(world.pool, organizationId);
  const progress = iterate(
    paced.tasks.taskProgress({ ...task, after: writeCursor(task.taskId, 0n), signal: ending.signal }),
  );
  // Rings are heard in the order of their commits: when this one has come, those before it have.
  const heardAll = async () => {
    const event = take(progress);
    await publish(world.pool, task);
    await event;
  };
  await heardAll();
  expect(paced.stats().countReads).toBe(1);
  await clock.advance(100);
  expect(await next).toMatchObject({ total: 30n });
  await heardAll();
  await clock.advance(100);
  await heardAll();
  expect(paced.stats().countReads).toBe(2);
  await paced.close();
});

test('F3 a thousand subscribers cost one read a ring', async () => {
  const app = await newApp();
  await set(app, { total: 1 });
  const readers = Array.from({ length: 1_000 }, (_, index) =>
    watch(index % 2 ? [app] : null, index % 3 ? null : tokenId),
  );
  await Promise.all(readers.map(take));
  const before = realtime.stats().countReads;
  const news = Promise.all(readers.map(take));
  await move(app, { total: 2 });
  expect((await news).every((counts) => counts.total === 2n)).toBe(true);
  expect(realtime.stats().countReads - before).toBe(1);
});
