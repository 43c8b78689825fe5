/** The shortage queue: who waits, who is served, and how waiting ends. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { removeDevices } from '../../../src/domain/device/remove.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { setGroupQuota } from '../../../src/domain/device-group/quota.ts';
import { createDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { serveQueue } from '../../../src/domain/license/serve-queue.ts';
import { listWaiting } from '../../../src/domain/license/waiting-row.ts';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { setTokenReserve } from '../../../src/domain/token/reserve.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  Crash,
  crashAt,
  expectSound,
  failuresOf,
  giveApp,
  liveOf,
  makeDevices,
  readAsset,
  revoke,
  type TestApp,
  taskOf,
  uIdOf,
} from './support.ts';

const day = 86_400_000;
let world: World;
let token: bigint;
beforeEach(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(async () => {
  await expectSound(world);
  await world.close();
});

const wait = { onShortage: 'WAIT' as const };

/** Seats are bought in the store, and Russet reads the number. */
async function buy(app: TestApp, total: number, tokenId = token): Promise<void> {
  world.simulator.admin.setAsset({ uId: await uIdOf(world, tokenId), adamId: app.adamId, total });
  await readAsset(world, tokenId, app.adamId);
}

/** Works until nothing is due, with time for Apple's answers; tasks that wait for seats may stay. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await world.work();
    await world.clock.advance(500);
  }
}

const queueOf = async (app: TestApp) =>
  (
    (
      await listWaiting(
        preparedRows(world.database.pool),
        world.organizationId,
        { kind: 'app', ownerIds: [app.id] },
        { after: null, before: null, limit: 100, fromEnd: false },
      )
    ).get(app.id) ?? []
  ).map(({ deviceId, position, reason }) => [deviceId, position, reason]);

const holders = async (app: TestApp) => new Set((await liveOf(world, app)).map((license) => license.deviceId));

test('F14 10 wait and 4 are bought: the first 4 by rule get one each, the others move up, nobody gets two', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const devices = await makeDevices(world, 10);
  const tasks: bigint[] = [];
  for (const [at, device] of devices.entries())
    tasks.push(await associate(world, app, [device], { ...wait, priority: at === 7 ? 5 : at === 0 ? -5 : null }));
  const order = [7, 1, 2, 3, 4, 5, 6, 8, 9, 0].map((at) => devices[at]!);
  await settle();
  expect(await queueOf(app)).toEqual(order.map((device, at) => [device, BigInt(at + 1), 'NO_LICENSES_AVAILABLE']));
  expect(await taskOf(world, tasks[0]!)).toMatchObject({ state: 'WAITING', waitsFor: 'LICENSES', failed: 0n });
  await buy(app, 4);
  await settle();
  expect(await holders(app)).toEqual(new Set(order.slice(0, 4)));
  expect(await liveOf(world, app)).toHaveLength(4);
  expect(await queueOf(app)).toEqual(
    order.slice(4).map((device, at) => [device, BigInt(at + 1), 'NO_LICENSES_AVAILABLE']),
  );
  expect(await taskOf(world, tasks[7]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n });
  expect(await taskOf(world, tasks[9]!)).toMatchObject({ state: 'WAITING' });
  expect((await liveOf(world, app))[0]!.allocation).toMatchObject({
    waitedSince: expect.stringMatching(/^2026-11-24T/),
  });
  await buy(app, 100);
  await settle();
  expect(await holders(app)).toEqual(new Set(devices));
  expect(await queueOf(app)).toEqual([]);
});

test('F14 one request for more than there is: what can be given is given, the rest waits, and its task ends with the last', async () => {
  const app = await giveApp(world, token, { total: 2 });
  const devices = await makeDevices(world, 5);
  const taskId = await associate(world, app, devices, wait);
  await settle();
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'WAITING',
    waitsFor: 'LICENSES',
    requested: 5n,
    completed: 2n,
  });
  expect((await taskOf(world, taskId)).waitsUntil!.getTime() - world.clock.now().getTime()).toBeGreaterThan(29 * day);
  await buy(app, 3);
  await settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', completed: 3n });
  await buy(app, 5);
  await settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 5n, failed: 0n });
});

test('F14 a seat that is taken back goes to the first who waits, as soon as Apple has confirmed it', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const [holder, first, second] = await makeDevices(world, 3);
  await associate(world, app, [holder!]);
  await settle();
  await associate(world, app, [first!], wait);
  await associate(world, app, [second!], wait);
  await revoke(world, app, [holder!]);
  expect(await holders(app)).toEqual(new Set([holder]));
  await settle();
  expect(await holders(app)).toEqual(new Set([first]));
  await revoke(world, app, [first!]);
  await settle();
  expect(await holders(app)).toEqual(new Set([second]));
});

test('F14 parallel workers serve exactly once, and requests that do not wait overtake only with a higher priority', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const waiting = await makeDevices(world, 20);
  for (const device of waiting) await associate(world, app, [device], wait);
  const [late, urgent] = await makeDevices(world, 2);
  world.simulator.admin.setAsset({ uId: await uIdOf(world, token), adamId: app.adamId, total: 6 });
  await readAsset(world, token, app.adamId);
  await expect(associate(world, app, [late!])).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    available: 0n,
    skipped: [{ reason: 'QUEUE' }],
  });
  await associate(world, app, [urgent!], { priority: 1 });
  const queue = { organizationId: world.organizationId, appId: app.id };
  await Promise.all(Array.from({ length: 8 }, () => serveQueue(world.services, queue, 'test')));
  await settle();
  expect(await holders(app)).toEqual(new Set([urgent, ...waiting.slice(0, 5)]));
  expect(await liveOf(world, app)).toHaveLength(6);
});

test('F14 a worker that dies while it serves leaves everything as it was, and the next one serves', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const devices = await makeDevices(world, 3);
  await associate(world, app, devices, wait);
  await world.work();
  await buy(app, 2);
  const died = crashAt(world, 'reserved');
  await expect(world.work()).rejects.toBeInstanceOf(Crash);
  expect(died()).toBe(true);
  expect(await liveOf(world, app)).toEqual([]);
  await settle();
  expect(await holders(app)).toEqual(new Set(devices.slice(0, 2)));
});

test('F14 cancelled, expired, removed: each ends with its reason, and a retry waits anew', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const [a, b, c, d] = await makeDevices(world, 4);
  const cancelled = await associate(world, app, [a!], wait);
  const expiring = await associate(world, app, [b!], {
    ...wait,
    waitUntil: new Date(world.clock.now().getTime() + day),
  });
  const removed = await associate(world, app, [c!, d!], wait);
  await settle();
  await cancelTask(world.admin, { taskId: cancelled });
  await removeDevices(world.admin, { target: { deviceIds: [c!] } });
  await settle();
  expect(await taskOf(world, cancelled)).toMatchObject({ state: 'CANCELLED', failed: 1n, outcome: 'NONE' });
  expect(await failuresOf(world, cancelled)).toMatchObject([{ code: 'CANCELLED', deviceId: a }]);
  expect(await taskOf(world, removed)).toMatchObject({ state: 'WAITING', failed: 1n });
  expect(await failuresOf(world, removed)).toMatchObject([{ code: 'UNKNOWN_DEVICE', deviceId: c }]);
  await world.clock.advance(day - 30_000);
  await world.work();
  expect(await taskOf(world, expiring)).toMatchObject({ state: 'WAITING' });
  await world.clock.advance(30_000);
  await world.work();
  expect(await taskOf(world, expiring)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 1n });
  expect(await failuresOf(world, expiring)).toMatchObject([{ code: 'WAIT_EXPIRED', deviceId: b }]);
  const again = await retryTask(world.admin, { taskId: expiring });
  await settle();
  expect(await taskOf(world, again)).toMatchObject({ state: 'WAITING', waitsFor: 'LICENSES' });
  expect((await queueOf(app)).map(([device]) => device)).toEqual([d, b]);
  await world.clock.advance(31 * day);
  await settle();
  expect(await taskOf(world, removed)).toMatchObject({ state: 'SUCCEEDED', failed: 2n });
  expect(await world.work()).toBe(0);
});

test('F14 a pair waits once: asking again is answered by name, and stops nothing else', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const [a, b] = await makeDevices(world, 2);
  const taskId = await associate(world, app, [a!], wait);
  for (const more of [wait, {}])
    await expect(associate(world, app, [a!], more)).rejects.toMatchObject({ code: 'ALREADY_WAITING', taskId });
  const both = await associate(world, app, [a!, b!], wait);
  expect(await failuresOf(world, both)).toMatchObject([{ code: 'ALREADY_WAITING', data: { taskId: String(taskId) } }]);
  expect((await queueOf(app)).map(([device]) => device)).toEqual([a, b]);
  await expect(associate(world, app, [b!], { ...wait, waitUntil: world.clock.now() })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});

test('F14 room in a quota, a lower reserve and a second token are seats that came up, too; who can not use them is passed by', async () => {
  const app = await giveApp(world, token, { total: 4 });
  const [a, b, c, d] = await makeDevices(world, 4);
  const groupId = await createDeviceGroup(world.admin, { name: 'Small' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [a!] } });
  await setGroupQuota(world.admin, { groupId, appId: app.id, seats: 0 });
  await setTokenReserve(world.admin, { tokenId: token, seats: 3 });
  await associate(world, app, [a!, b!, c!], wait);
  await settle();
  expect(await holders(app)).toEqual(new Set([b]));
  expect(await queueOf(app)).toEqual([
    [a, 1n, 'QUOTA_EXCEEDED'],
    [c, 2n, 'NO_LICENSES_AVAILABLE'],
  ]);
  await setTokenReserve(world.admin, { tokenId: token, seats: 2 });
  await settle();
  expect(await holders(app)).toEqual(new Set([b, c]));
  await setTokenReserve(world.admin, { tokenId: token, seats: 1 });
  await setGroupQuota(world.admin, { groupId, appId: app.id, seats: 1 });
  await settle();
  expect(await holders(app)).toEqual(new Set([a, b, c]));
  const taskId = await associate(world, app, [d!], wait);
  const district = await world.library('district');
  await giveApp(world, district, { adamId: app.adamId, total: 1 });
  await settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  expect((await liveOf(world, app)).find(({ deviceId }) => deviceId === d)).toMatchObject({ tokenId: district });
});

test('F14 an ATOMIC request that may wait is still refused for what waiting does not mend', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const [old] = await makeDevices(world, 1, { osVersion: '8.4.1' });
  const devices = await makeDevices(world, 2);
  await expect(associate(world, app, [...devices, old!], wait)).rejects.toMatchObject({ code: 'OS_TOO_OLD' });
  expect(await queueOf(app)).toEqual([]);
  const taskId = await associate(world, app, [...devices, old!], { ...wait, onError: 'SKIP_FAILED' });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'OS_TOO_OLD' }]);
  await buy(app, 2);
  await settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 2n, failed: 1n });
});

test('F14 a plan says who would wait, and applying it lets exactly these wait; a group is a target of plans, too', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const devices = await makeDevices(world, 3);
  const groupId = await createDeviceGroup(world.admin, { name: 'Planned' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: devices } });
  const { planId } = await makePlan(world.admin, 'ASSOCIATION', {
    appIds: [app.id],
    target: { deviceGroupId: groupId },
    ...wait,
  });
  expect(await queueOf(app)).toEqual([]);
  const items = await world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { deviceId: 'asc' } });
  expect(items.map(({ deviceId, outcome, code }) => [deviceId, outcome, code])).toEqual([
    [devices[0], 'GIVE', null],
    [devices[1], 'WAIT', 'NO_LICENSES_AVAILABLE'],
    [devices[2], 'WAIT', 'NO_LICENSES_AVAILABLE'],
  ]);
  const { taskId } = await applyPlan(world.admin, { planId });
  await settle();
  expect(await taskOf(world, taskId!)).toMatchObject({ state: 'WAITING', waitsFor: 'LICENSES', completed: 1n });
  expect((await queueOf(app)).map(([device]) => device)).toEqual(devices.slice(1));
});

test('F14 F11 a license of another app that is taken back makes room in a quota of all apps, and who waits is served', async () => {
  const [first, second] = [await giveApp(world, token, { total: 5 }), await giveApp(world, token, { total: 5 })];
  const [device] = await makeDevices(world, 1);
  const groupId = await createDeviceGroup(world.admin, { name: 'One of anything' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [device!] } });
  await setGroupQuota(world.admin, { groupId, seats: 1 });
  await associate(world, first, [device!]);
  await settle();
  await associate(world, second, [device!], wait);
  await settle();
  expect(await queueOf(second)).toEqual([[device, 1n, 'QUOTA_EXCEEDED']]);
  await revoke(world, first, [device!]);
  await settle();
  expect(await holders(second)).toEqual(new Set([device]));
});

test('F14 F11 a device that leaves a full rule group by an update is served', async () => {
  const app = await giveApp(world, token, { total: 5 });
  const [device] = await makeDevices(world, 1);
  const rule = { namePrefix: 'Full' };
  const { serialNumber } = await world.database.prisma.device.findFirstOrThrow({ where: { id: device! } });
  await upsertDevices(world.admin, { devices: [{ serialNumber, name: 'Full 1' }] });
  const groupId = await createDeviceGroup(world.admin, { name: 'Full ones', rule });
  await setGroupQuota(world.admin, { groupId, appId: app.id, seats: 0 });
  await associate(world, app, [device!], wait);
  await settle();
  expect(await holders(app)).toEqual(new Set());
  await upsertDevices(world.admin, { devices: [{ serialNumber, name: 'Free 1' }] });
  await settle();
  expect(await holders(app)).toEqual(new Set([device]));
});
