import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { reorderTokens } from '../../../src/domain/token/reorder.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, failuresOf, giveApp, liveOf, makeDevices, poolOf, taskOf } from './support.ts';

let world: World;
let own: bigint;
let district: bigint;
let business: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
  district = await world.library('district');
  business = await world.library('business');
});
afterEach(async () => {
  await reorderTokens(world.admin, { tokenIds: [own, district, business] });
  await expectSound(world);
});
afterAll(() => world.close());

async function inBoth(ownTotal: number, districtTotal: number) {
  const app = await giveApp(world, own, { total: ownTotal });
  return giveApp(world, district, { adamId: app.adamId, total: districtTotal });
}

test('S79 F11 the first token in order serves; exhausted, the next one does, and the license says why', async () => {
  const app = await inBoth(2, 10);
  await associate(world, app, await makeDevices(world, 3));
  await world.settle();
  const licenses = await liveOf(world, app);
  expect(licenses.map((license) => license.tokenId)).toEqual([own, own, district]);
  expect(licenses.map((license) => license.allocation)).toEqual([
    { reason: 'FIRST_IN_ORDER', skipped: [] },
    { reason: 'FIRST_IN_ORDER', skipped: [] },
    { reason: 'NEXT_IN_ORDER', skipped: [{ tokenId: String(own), reason: 'NO_LICENSES_AVAILABLE' }] },
  ]);
});

test('F11 a token before it that does not hold the app is named as skipped', async () => {
  const app = await giveApp(world, business, { total: 5 });
  await associate(world, app, await makeDevices(world, 1));
  await world.settle();
  const skipped = [own, district].map((id) => ({ tokenId: String(id), reason: 'APP_NOT_HELD' }));
  expect((await liveOf(world, app))[0]!.allocation).toEqual({ reason: 'NEXT_IN_ORDER', skipped });
});

test('S80 after a reorder the next license comes from the other token; old ones stay where they are', async () => {
  const app = await inBoth(10, 10);
  const [first, second] = await makeDevices(world, 2);
  await associate(world, app, [first!]);
  await world.settle();
  await reorderTokens(world.admin, { tokenIds: [district, own, business] });
  await associate(world, app, [second!]);
  await world.settle();
  expect((await liveOf(world, app)).map((license) => [license.deviceId, license.tokenId])).toEqual([
    [first, own],
    [second, district],
  ]);
  const [entry] = await world.database.prisma.auditEntry.findMany({
    where: { action: 'token.reorder' },
    take: 1,
    orderBy: { id: 'desc' },
  });
  expect(entry!.data).toMatchObject({ after: [String(district), String(own), String(business)] });
});

test('S76 a named token serves, whatever the order; without a seat it refuses, whatever others have', async () => {
  const app = await inBoth(10, 1);
  const [first, second] = await makeDevices(world, 2);
  await associate(world, app, [first!], { tokenId: district });
  await world.settle();
  expect(await liveOf(world, app)).toMatchObject([{ tokenId: district, allocation: { reason: 'NAMED', skipped: [] } }]);
  await expect(associate(world, app, [second!], { tokenId: district })).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    available: 0n,
  });
  await expect(associate(world, app, [second!], { tokenId: business })).rejects.toMatchObject({
    code: 'NO_TOKEN_FOR_APP',
  });
  expect(await poolOf(world, app, own)).toMatchObject({ held: 0n, reserved: 0n });
});

test('S77 no token holds the app any more: the refusal is a named failure and other apps go on', async () => {
  const lost = await giveApp(world, own);
  await world.database.prisma.licensePool.updateMany({
    where: { appId: lost.id },
    data: { goneAt: world.clock.now(), total: 0n },
  });
  const app = await giveApp(world, own);
  const taskId = await associate(world, [lost, app], await makeDevices(world, 1), { onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 1n, failed: 1n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'NO_TOKEN_FOR_APP', appId: lost.id }]);
});

test('S78 a license is given before any install and without a person', async () => {
  const app = await giveApp(world, own);
  await associate(world, app, await makeDevices(world, 1, { osVersion: null }));
  await world.settle();
  expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED', vppUserId: null, clientUserId: null }]);
});

test('F11 two requests at once for apps in two tokens each, in opposite orders, do not block each other', async () => {
  const [one, two] = [await inBoth(1, 50), await inBoth(1, 50)];
  const devices = await makeDevices(world, 20);
  await reorderTokens(world.admin, { tokenIds: [district, own, business] });
  await Promise.all(devices.map((device, at) => associate(world, at % 2 ? [one, two] : [two, one], [device])));
  await world.settle();
  expect(await liveOf(world, one)).toHaveLength(20);
  expect(await liveOf(world, two)).toHaveLength(20);
});
