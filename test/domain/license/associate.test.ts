import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  failuresOf,
  giveApp,
  liveOf,
  makeDevices,
  poolOf,
  readAsset,
  taskOf,
} from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

test('S25 S26 S27 one app for one device: no user, no invitation, and the license is confirmed', async () => {
  const app = await giveApp(world, token);
  const users = await world.database.prisma.vppUser.count();
  const [device] = await makeDevices(world, 1);
  const taskId = await associate(world, app, [device!]);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'QUEUED', requested: 1n, completed: 0n });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n, failed: 0n });
  expect(await liveOf(world, app)).toMatchObject([
    { deviceId: device, state: 'CONFIRMED', source: 'RUSSET', clientUserId: null, vppUserId: null },
  ]);
  expect(await world.database.prisma.vppUser.count()).toBe(users);
});

test('S4 a device below iOS 9.0 is refused; 9.0, 10.0 and 26.1 are taken', async () => {
  const app = await giveApp(world, token);
  const [old] = await makeDevices(world, 1, { osVersion: '8.4.1' });
  await expect(associate(world, app, [old!])).rejects.toMatchObject({
    code: 'OS_TOO_OLD',
    required: '9.0',
    actual: '8.4.1',
  });
  for (const osVersion of ['9.0', '10.0', '26.1'])
    await associate(world, app, await makeDevices(world, 1, { osVersion }));
  await world.settle();
  expect(await liveOf(world, app)).toHaveLength(3);
});

test('S5 the rule is about device licenses: a user license is not judged by any device', async () => {
  const held = await world.database.prisma.license.findMany({ where: { clientUserId: { not: null }, endedAt: null } });
  expect(held.map((license) => license.state)).toEqual(['CONFIRMED', 'CONFIRMED']);
});

test('S29 associating again is refused as held, and takes no second license', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  await associate(world, app, devices.slice(0, 1));
  await expect(associate(world, app, devices.slice(0, 1))).rejects.toMatchObject({
    code: 'ALREADY_LICENSED',
    tokenId: token,
  });
  await world.settle();
  await expect(associate(world, app, devices.slice(0, 1))).rejects.toMatchObject({ code: 'ALREADY_LICENSED' });
  const mixed = await associate(world, app, devices);
  await world.settle();
  expect(await taskOf(world, mixed)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 1n, failed: 1n });
  expect(await failuresOf(world, mixed)).toMatchObject([{ code: 'ALREADY_LICENSED', deviceId: devices[0] }]);
  expect(await poolOf(world, app)).toMatchObject({ held: 2n, reserved: 0n });
});

test('S29 the same device named twice gets one license', async () => {
  const app = await giveApp(world, token);
  const [device] = await makeDevices(world, 1);
  const { serialNumber } = await world.database.prisma.device.findFirstOrThrow({ where: { id: device! } });
  await associate(world, app, [device!, device!]);
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [app.id],
    target: { serialNumbers: [` ${serialNumber.toLowerCase()} `, serialNumber] },
    onError: 'SKIP_FAILED',
  });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 1n, failed: 1n, outcome: 'NONE' });
  expect(await liveOf(world, app)).toHaveLength(1);
});

test('S30 an app that is for people only is refused for devices', async () => {
  const app = await giveApp(world, token, { deviceAssignable: false });
  await expect(associate(world, app, await makeDevices(world, 1))).rejects.toMatchObject({
    code: 'NOT_DEVICE_ASSIGNABLE',
  });
});

test('S35 a free and unlimited app needs a license like any other, and is never short of one', async () => {
  const app = await giveApp(world, token, { unlimited: true, total: 0 });
  const taskId = await associate(world, app, await makeDevices(world, 150));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 150n });
  expect(await poolOf(world, app)).toMatchObject({ unlimited: true, held: 150n, reserved: 0n });
});

test('S41 S42 used and available add up to the total at every step', async () => {
  const app = await giveApp(world, token, { total: 10, retired: 3 });
  const seats = async () => {
    const { total, held, reserved, retired } = await poolOf(world, app);
    return { used: held + reserved, pending: reserved, available: total - held - reserved, retired };
  };
  await associate(world, app, await makeDevices(world, 4));
  expect(await seats()).toEqual({ used: 4n, pending: 4n, available: 6n, retired: 3n });
  await world.settle();
  expect(await seats()).toEqual({ used: 4n, pending: 0n, available: 6n, retired: 3n });
});

test('S46 more than there is: refused as a whole with the numbers, and the asset is read again', async () => {
  const app = await giveApp(world, token, { total: 3 });
  const devices = await makeDevices(world, 5);
  await expect(associate(world, app, devices)).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    requested: 5,
    available: 3n,
  });
  expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
  const [job] = await world.database.prisma.$queryRaw<unknown[]>`
    SELECT 1 FROM graphile_worker.jobs WHERE key = ${`asset:${world.organizationId}:${token}:${app.adamId}`}`;
  expect(job).toBeDefined();
});

test('S46 SKIP_FAILED gives what there is and names the rest', async () => {
  const app = await giveApp(world, token, { total: 3 });
  const taskId = await associate(world, app, await makeDevices(world, 5), { onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 3n, failed: 2n });
  expect(await failuresOf(world, taskId)).toMatchObject([
    { code: 'NO_LICENSES_AVAILABLE', appId: app.id, data: { requested: 5, available: '3' } },
    { code: 'NO_LICENSES_AVAILABLE', appId: app.id },
  ]);
});

test('S46 a refund below what is held leaves the pool overdrawn, and nothing more is reserved', async () => {
  const app = await giveApp(world, token, { total: 5 });
  await associate(world, app, await makeDevices(world, 4));
  await world.settle();
  world.simulator.admin.purchase({ uId: await uId(), adamId: app.adamId, count: -3 });
  await readAsset(world, token, app.adamId);
  expect(await poolOf(world, app)).toMatchObject({ total: 2n, held: 4n });
  await expect(associate(world, app, await makeDevices(world, 1))).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    available: 0n,
  });
});

async function uId(): Promise<string> {
  return (await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).uId;
}

test('S46 100 parallel requests for the last license: exactly one wins', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const devices = await makeDevices(world, 100);
  const results = await Promise.allSettled(devices.map((device) => associate(world, app, [device])));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  const codes = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
  expect(codes).toEqual(Array.from({ length: 99 }, () => 'NO_LICENSES_AVAILABLE'));
  await world.settle();
  expect(await poolOf(world, app)).toMatchObject({ held: 1n, reserved: 0n, total: 1n });
});

test('S29 20 parallel requests for the same device take one license', async () => {
  const app = await giveApp(world, token);
  const [device] = await makeDevices(world, 1);
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => associate(world, app, [device!])));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  await world.settle();
  expect(await liveOf(world, app)).toHaveLength(1);
});

test('an unknown device, a removed one and one that only a license names: nothing is sent', async () => {
  const app = await giveApp(world, token);
  const stranger = await world.database.prisma.device.findFirstOrThrow({ where: { origin: 'LICENSE' } });
  for (const target of [{ serialNumbers: ['NOBODY'] }, { deviceIds: [987_654n] }, { deviceIds: [stranger.id] }]) {
    await expect(associateLicenses(world.admin, { appIds: [app.id], target })).rejects.toMatchObject({
      code: 'UNKNOWN_DEVICE',
      count: 1,
    });
  }
  const [device] = await makeDevices(world, 1);
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [app.id],
    target: { deviceIds: [device!, 987_654n] },
    onError: 'SKIP_FAILED',
  });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 2n, completed: 1n, failed: 1n, outcome: 'SOME' });
});

test('two apps for three devices are two times three licenses in one task', async () => {
  const apps = [await giveApp(world, token), await giveApp(world, token)];
  const taskId = await associate(world, apps, await makeDevices(world, 3));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ requested: 6n, completed: 6n, outcome: 'ALL' });
});

test('G18 the audit entry stands in the same transaction: refused, there is none; done, there is one', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const entries = () =>
    world.database.prisma.auditEntry.findMany({ where: { action: 'license.associate' }, orderBy: { id: 'desc' } });
  const before = (await entries()).length;
  await expect(associate(world, app, await makeDevices(world, 2))).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
  });
  expect(await entries()).toHaveLength(before);
  const taskId = await associate(world, app, await makeDevices(world, 1));
  expect(await entries()).toHaveLength(before + 1);
  expect((await entries())[0]).toMatchObject({ taskId, subject: `task:${taskId}`, correlationId: 'test' });
  await world.settle();
});

test('only who may write licenses may associate', async () => {
  const app = await giveApp(world, token);
  const input = { appIds: [app.id], target: { deviceIds: await makeDevices(world, 1) } };
  for (const context of [world.as('EMPLOYEE'), world.as('ADMINISTRATOR', { scopes: ['licenses:read'] })]) {
    await expect(associateLicenses(context, input)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  }
  await associateLicenses(world.as('APPSTORE_MANAGER'), input);
  await world.settle();
});
