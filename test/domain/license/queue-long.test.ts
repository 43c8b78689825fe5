/** A queue that is longer than a block: nobody stands in the way of those behind, and nothing is done row by row. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { blockSize } from '../../../src/domain/license/limits.ts';
import { serveQueue } from '../../../src/domain/license/serve-queue.ts';
import { listWaiting } from '../../../src/domain/license/waiting-row.ts';
import { statementsOf } from '../../graphql/statements.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, failuresOf, giveApp, liveOf, makeDevices, type TestApp, taskOf } from './support.ts';

const day = 86_400_000;
const wait = { onShortage: 'WAIT' as const };
let world: World;
let own: bigint;
let district: bigint;
beforeEach(async () => {
  world = await createWorld();
  own = await world.library('own');
  district = await world.library('district');
});
afterEach(() => world.close());

const serve = (app: TestApp) =>
  serveQueue(world.services, { organizationId: world.organizationId, appId: app.id }, 'test');
const length = (app: TestApp) => world.database.prisma.licenseWait.count({ where: { appId: app.id } });
const page = async (app: TestApp, more: { fromEnd?: boolean; limit?: number } = {}) => {
  const found = await listWaiting(
    preparedRows(world.database.pool),
    world.organizationId,
    { kind: 'app', ownerIds: [app.id] },
    { after: null, before: null, limit: 3, fromEnd: false, ...more },
  );
  return found.get(app.id) ?? [];
};

/** An app of which nothing is free, a block of devices that wait for it in one token, and a few behind them. */
async function crowd(behind: number): Promise<{ app: TestApp; crowded: bigint; devices: bigint[] }> {
  const app = await giveApp(world, own, { total: 0 });
  await giveApp(world, district, { total: 0, adamId: app.adamId });
  const crowded = await associate(world, app, await makeDevices(world, blockSize), { ...wait, tokenId: own });
  const devices = await makeDevices(world, behind);
  return { app, crowded, devices };
}

test('F14 behind 10,000 who wait for another token somebody is served, and ends in time', async () => {
  const { app, crowded, devices } = await crowd(3);
  const [first, second, third] = devices as [bigint, bigint, bigint];
  const soon = new Date(world.clock.now().getTime() + day);
  const expiring = await associate(world, app, [first], { ...wait, waitUntil: soon });
  const patient = await associate(world, app, [second, third], wait);
  await world.work();
  expect(await length(app)).toBe(blockSize + 3);
  expect((await page(app)).map((row) => row.position)).toEqual([1n, 2n, 3n]);
  expect((await page(app, { fromEnd: true })).map((row) => [row.deviceId, row.position])).toEqual(
    devices.map((device, at) => [device, BigInt(blockSize + 1 + at)]),
  );
  await world.clock.advance(day);
  await serve(app);
  expect(await failuresOf(world, expiring)).toMatchObject([{ code: 'WAIT_EXPIRED', deviceId: first }]);
  expect(await length(app)).toBe(blockSize + 2);
  await giveSeats(app, 1);
  await serve(app);
  expect((await liveOf(world, app)).map((license) => license.deviceId)).toEqual([second]);
  expect(await taskOf(world, patient)).toMatchObject({ failed: 0n });
  expect(await taskOf(world, crowded)).toMatchObject({ failed: 0n });
  expect(await length(app)).toBe(blockSize + 1);
  // The bell is answered: nothing but the end of the waiting is due.
  const lines = await world.database.prisma.licenseWake.findMany({ where: { appId: app.id } });
  expect(lines.filter((line) => line.dueAt <= world.clock.now())).toEqual([]);
  await expectSound(world, { apple: false });
}, 60_000);

/** Seats that are bought for the second token and known at once. */
async function giveSeats(app: TestApp, total: number): Promise<void> {
  await world.database.prisma.licensePool.updateMany({
    where: { appId: app.id, tokenId: district },
    data: { total },
  });
}

test('F14 1 or 500 that end for reasons of their own: as many statements', async () => {
  const counted: number[] = [];
  for (const count of [1, 500]) {
    const app = await giveApp(world, own, { total: 0 });
    const devices = await makeDevices(world, count);
    const taskId = await associate(world, app, devices, wait);
    await world.work();
    await world.database.prisma.licensePool.updateMany({
      where: { appId: app.id },
      data: { total: count, supportedPlatforms: ['macOS'] },
    });
    counted.push((await statementsOf(() => serve(app))).statements.length);
    expect(await taskOf(world, taskId)).toMatchObject({ failed: BigInt(count) });
    expect((await failuresOf(world, taskId))[0]).toMatchObject({ code: 'PLATFORM_NOT_SUPPORTED' });
  }
  expect(counted[1]).toBe(counted[0]);
}, 60_000);
