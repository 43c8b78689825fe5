import { randomInt, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NotificationBody } from '../../src/simulator/index.ts';
import {
  associate,
  eventFault,
  expectBalance,
  failuresOf,
  faultOnce,
  giveApp,
  liveOf,
  makeDevices,
  revoke,
  type TestApp,
  taskOf,
  uIdOf,
} from '../domain/license/support.ts';
import { createLiveWorld, type LiveWorld } from '../support/webhooks.ts';

let world: LiveWorld;
let token: bigint;
let uId: string;
beforeAll(async () => {
  world = await createLiveWorld({ settings: { firstPollWhenLive: 300_000, pollEvery: 30_000 } });
  token = await world.library('own');
  uId = await uIdOf(world, token);
});
afterAll(() => world.close());

/** Of this run; SEED=… repeats one. Printed with a failure, together with the path to it. */
const seed = Number(process.env.SEED ?? randomInt(2 ** 31 - 1));

/** What becomes of one notification: how often it comes, under new ids or not, and in how many pieces. */
const fate = fc.record({
  copies: fc.constantFrom(0, 1, 1, 1, 2, 3),
  newIds: fc.boolean(),
  pieces: fc.constantFrom(1, 1, 2, 3),
});
type Fate = typeof fate extends fc.Arbitrary<infer T> ? T : never;

const plan = fc.record({
  devices: fc.integer({ min: 1, max: 12 }),
  /** The devices with these places fail. */
  failing: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 3 }),
  taken: fc.integer({ min: 0, max: 12 }),
  fates: fc.array(fate, { minLength: 12, maxLength: 12 }),
  /** News of the gift come again among those of the revoke. */
  late: fc.boolean(),
  strangers: fc.nat({ max: 2 }),
  order: fc.integer(),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

/** Sends the write and lets Apple do it; gives its notifications, which are not sent. */
async function doneAtApple(): Promise<NotificationBody[]> {
  const { admin } = world.simulator;
  admin.pauseDeliveries();
  await world.work();
  await world.clock.advance(5_000);
  const bodies = world.withheld();
  admin.dropDeliveries({ numbers: admin.deliveries({ state: 'waiting' }).map(({ n }) => n) });
  admin.resumeDeliveries();
  return bodies;
}

function suffer(body: NotificationBody, { copies, newIds, pieces }: Fate): NotificationBody[] {
  const rows = body.notification.assignments as object[];
  const size = Math.ceil(rows.length / pieces);
  const parts = Array.from({ length: pieces }, (_, n) => rows.slice(n * size, (n + 1) * size)).filter(
    (part) => part.length > 0,
  );
  const named = (assignments: object[]) => ({
    ...body,
    ...(parts.length > 1 ? { notificationId: randomUUID() } : {}),
    notification: { ...body.notification, assignments },
  });
  return parts
    .map(named)
    .flatMap((part) =>
      Array.from({ length: copies }, (_, n) => (newIds && n > 0 ? { ...part, notificationId: randomUUID() } : part)),
    );
}

/** Puts them in an order that a number decides. */
function shuffled<T>(items: readonly T[], order: number): T[] {
  let state = order >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  return items
    .map((item) => ({ item, place: next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

function stranger(app: TestApp): NotificationBody {
  const assignments = [{ adamId: app.adamId, pricingParam: 'STDQ', serialNumber: 'NOBODYATALL' }];
  const notification = { eventId: randomUUID(), type: 'ASSOCIATE', result: 'SUCCESS', assignments };
  return { notification, notificationId: randomUUID(), notificationType: 'ASSET_MANAGEMENT', uId };
}

async function deliver(bodies: readonly NotificationBody[], order: number): Promise<void> {
  let left = shuffled(bodies, order);
  while (left.length > 0) {
    const some = left.slice(0, 1 + (left.length % 3));
    left = left.slice(some.length);
    await Promise.all(some.map((body) => world.post(token, body)));
    await world.work();
  }
}

async function live(input: Plan): Promise<void> {
  const app = await giveApp(world, token, { total: 50 });
  const devices = await makeDevices(world, input.devices);
  const rows = await world.database.prisma.device.findMany({ where: { id: { in: devices } }, orderBy: { id: 'asc' } });
  const failing = input.failing.filter((place) => place < devices.length);
  const failTargets = failing.map((place) => rows[place]!.serialNumber);
  if (failTargets.length > 0) faultOnce(world, eventFault({ failTargets, errorNumber: 9709 }));
  const given = await associate(world, app, devices);
  const news = await doneAtApple();
  const strangers = Array.from({ length: input.strangers }, () => stranger(app));
  await deliver([...news.flatMap((body, n) => suffer(body, input.fates[n % 6]!)), ...strangers], input.order);
  await world.settle(30_000);
  expect(await taskOf(world, given)).toMatchObject({
    completed: BigInt(devices.length - failing.length),
    failed: BigInt(failing.length),
    reported: 0n,
  });
  expect((await failuresOf(world, given)).map((failure) => failure.serialNumber).sort()).toEqual(failTargets.sort());
  await takeBack(input, app, news);
}

async function takeBack(input: Plan, app: TestApp, earlier: readonly NotificationBody[]): Promise<void> {
  const held = (await liveOf(world, app)).map((license) => license.deviceId!).slice(0, input.taken);
  if (held.length === 0) return;
  const taken = await revoke(world, app, held);
  const news = await doneAtApple();
  const again = input.late ? earlier.map((body) => ({ ...body, notificationId: randomUUID() })) : [];
  await deliver([...news.flatMap((body, n) => suffer(body, input.fates[6 + (n % 6)]!)), ...again], input.order);
  await world.settle(30_000);
  expect(await taskOf(world, taken)).toMatchObject({
    state: 'SUCCEEDED',
    completed: BigInt(held.length),
    reported: 0n,
  });
}

test(`F3 doubled, torn, shuffled, late, lost and strange notifications leave what Apple has (SEED=${seed})`, async () => {
  world.simulator.admin.setOptions({ notificationRowsMax: 4 });
  const property = fc.asyncProperty(plan, async (input) => {
    await live(input);
    await expectBalance(world);
  });
  await fc.assert(property, { seed, numRuns: Number(process.env.RUNS ?? 8), endOnFailure: true });
  expect(await world.database.prisma.notification.count({ where: { appliedAt: null } })).toBe(0);
  expect(await world.database.prisma.license.count({ where: { serialNumber: 'NOBODYATALL' } })).toBe(0);
}, 120_000);
