import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { school } from '../../../src/simulator/index.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  callsOf,
  eventFault,
  expectSound,
  failuresOf,
  faultOnce,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  poolOf,
  revoke,
  type TestApp,
  taskOf,
} from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(async () => {
  world.simulator.admin.faults.clear();
  world.simulator.admin.clearJournal();
  await expectSound(world);
});
afterAll(() => world.close());

/** An app that so many new devices hold. */
async function held(count: number): Promise<{ app: TestApp; devices: bigint[] }> {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, count);
  await associate(world, app, devices);
  await world.settle();
  return { app, devices };
}

test('S45 revoking gives seats back: used − n, available + n, at Apple too', async () => {
  const { app, devices } = await held(10);
  const taskId = await revoke(world, app, devices.slice(0, 4));
  expect(await poolOf(world, app)).toMatchObject({ held: 10n });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({
    kind: 'REVOKE',
    state: 'SUCCEEDED',
    outcome: 'ALL',
    completed: 4n,
  });
  expect(await poolOf(world, app)).toMatchObject({ held: 6n, reserved: 0n, total: 100n });
  expect(await holdersAtApple(world, token, app)).toHaveLength(6);
  const ended = await world.database.prisma.license.findMany({ where: { appId: app.id, endedAt: { not: null } } });
  expect(ended).toMatchObject(devices.slice(0, 4).map(() => ({ state: 'REVOKED', endReason: 'REVOKED' })));
});

test('S45 revoking app X leaves app Y on the same device, and never calls /assets/revoke', async () => {
  const [x, y] = [await giveApp(world, token), await giveApp(world, token)];
  const devices = await makeDevices(world, 3);
  await associate(world, [x, y], devices);
  await world.settle();
  await revoke(world, x, devices);
  await world.settle();
  expect(await liveOf(world, x)).toEqual([]);
  expect(await liveOf(world, y)).toHaveLength(3);
  expect(await holdersAtApple(world, token, y)).toHaveLength(3);
  expect(callsOf(world, 'revokeAssets')).toEqual([]);
});

test('S45 a book that was given to a user can not be taken back', async () => {
  const book = { id: await world.app(school.book), adamId: school.book };
  const [license] = await liveOf(world, book);
  const input = { target: { licenseIds: [license!.id] } };
  await expect(revokeLicenses(world.admin, input)).rejects.toMatchObject({ code: 'NOT_REVOCABLE' });
  const { taskIds } = await revokeLicenses(world.admin, { ...input, onError: 'SKIP_FAILED' });
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 1n });
  expect(await failuresOf(world, taskIds[0]!)).toMatchObject([{ code: 'NOT_REVOCABLE', licenseId: license!.id }]);
  expect(callsOf(world, 'disassociateAssets')).toEqual([]);
});

test('a license of a user is taken back by its id', async () => {
  const app = { id: await world.app(school.notForDevices), adamId: school.notForDevices };
  const [license] = await liveOf(world, app);
  await revokeLicenses(world.admin, { target: { licenseIds: [license!.id] } });
  await world.settle();
  expect(callsOf(world, 'disassociateAssets')[0]!.body).toMatchObject({ clientUserIds: 1, serialNumbers: 0 });
  expect(await liveOf(world, app)).toEqual([]);
});

test('a license that somebody else gave is taken back by naming it', async () => {
  const app = { id: await world.app(school.ipadOnly), adamId: school.ipadOnly };
  const before = await liveOf(world, app);
  expect(before[0]).toMatchObject({ source: 'EXTERNAL' });
  await revokeLicenses(world.admin, { appIds: [app.id], target: { serialNumbers: [before[0]!.serialNumber!] } });
  await world.settle();
  expect(await liveOf(world, app)).toHaveLength(before.length - 1);
});

test('a request that was not sent yet is cancelled: Apple never hears of it, and both tasks end', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 4);
  const taskId = await associate(world, app, devices);
  const back = await revoke(world, app, devices);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 4n });
  expect(await taskOf(world, back)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 4n });
  expect(await failuresOf(world, taskId)).toMatchObject(devices.map((deviceId) => ({ code: 'CANCELLED', deviceId })));
  await world.settle();
  expect(callsOf(world, 'associateAssets')).toEqual([]);
  expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
});

test('a request that was not sent yet is cancelled even when the app is irrevocable and the token expired', async () => {
  const app = await giveApp(world, token, { revocable: false });
  const devices = await makeDevices(world, 1);
  const taskId = await associate(world, app, devices);
  await world.database.prisma.token.updateMany({ where: { id: token }, data: { condition: 'INVALID' } });
  await revoke(world, app, devices);
  expect(await taskOf(world, taskId)).toMatchObject({ failed: 1n, outcome: 'NONE' });
  await world.database.prisma.token.updateMany({ where: { id: token }, data: { condition: 'OK' } });
});

test('revoking what Apple is working on waits behind it, then takes it back', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 4);
  const taskId = await associate(world, app, devices);
  await world.work();
  const back = await revoke(world, app, devices.slice(0, 2));
  expect(await taskOf(world, back)).toMatchObject({ state: 'QUEUED', completed: 0n, failed: 0n });
  await expect(revoke(world, app, devices.slice(0, 1))).rejects.toMatchObject({ code: 'REVOKE_IN_PROGRESS' });
  await expect(associate(world, app, devices.slice(0, 1))).rejects.toMatchObject({ code: 'REVOKE_IN_PROGRESS' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 4n });
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(await holdersAtApple(world, token, app)).toHaveLength(2);
});

test('revoking what Apple is working on, and Apple refuses it: the revoke has what it wanted', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9709 }));
  const taskId = await associate(world, app, devices);
  await world.work();
  const back = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'NONE', failed: 2n });
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 2n, failed: 0n });
});

test('a revoke that comes while the status is being judged is not overlooked', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9709 }));
  await associate(world, app, devices);
  await world.work();
  await world.clock.advance(500);
  // Between the answer to the poll and its settling: the carried licenses were read without the revoke.
  const { writeStatus } = world.services.apple;
  let back: bigint | undefined;
  world.services.apple.writeStatus = async (...call) => {
    world.services.apple.writeStatus = writeStatus;
    const status = await writeStatus(...call);
    back = await revoke(world, app, devices);
    return status;
  };
  await world.settle();
  expect(await taskOf(world, back!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 2n });
});

test('a revoke behind a write of unknown outcome: it is sent again, and taken back once Apple has answered', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  faultOnce(world, { kind: 'reset', when: 'before' });
  const taskId = await associate(world, app, devices);
  await world.work();
  const back = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(callsOf(world, 'associateAssets')).toHaveLength(2);
  expect(callsOf(world, 'disassociateAssets')).toHaveLength(1);
  expect(await holdersAtApple(world, token, app)).toEqual([]);
});

test('nothing is held: NOT_LICENSED; ATOMIC passes over it when others hold something', async () => {
  const { app, devices } = await held(1);
  const [bare] = await makeDevices(world, 1);
  await expect(revoke(world, app, [bare!])).rejects.toMatchObject({ code: 'NOT_LICENSED' });
  const taskId = await revoke(world, app, [devices[0]!, bare!]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', requested: 2n, completed: 1n, failed: 1n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'NOT_LICENSED', deviceId: bare, appId: app.id }]);
});

test('the same license id twice counts once', async () => {
  const { app } = await held(1);
  const [license] = await liveOf(world, app);
  const { taskIds } = await revokeLicenses(world.admin, {
    target: { licenseIds: [license!.id, license!.id, 999_999n, 999_999n] },
  });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 2n, completed: 1n, failed: 1n });
});

test('a seat that was taken back can be given to another device at once', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const [first, second] = await makeDevices(world, 2);
  await associate(world, app, [first!]);
  await world.settle();
  await revoke(world, app, [first!]);
  await expect(associate(world, app, [second!])).rejects.toMatchObject({ code: 'NO_LICENSES_AVAILABLE' });
  await world.settle();
  await associate(world, app, [second!]);
  await world.settle();
  expect(await liveOf(world, app)).toMatchObject([{ deviceId: second, state: 'CONFIRMED' }]);
});

test('a revoke whose items were kept can be tried anew, with sends of its own', async () => {
  const { app, devices } = await held(1);
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9603 }), 'disassociateAssets', 9);
  const failed = await revoke(world, app, devices);
  await world.settle(30_000);
  expect(await failuresOf(world, failed)).toMatchObject([{ code: 'APPLE_9603' }]);
  expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED', revokeTaskId: null, callId: null }]);
  const again = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ outcome: 'ALL' });
});

test('only who may write licenses may revoke, and a stranger finds nothing to revoke', async () => {
  const { app, devices } = await held(1);
  const input = { appIds: [app.id], target: { deviceIds: devices } };
  await expect(revokeLicenses(world.as('EMPLOYEE'), input)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const stranger = world.as('ADMINISTRATOR', { organizationId: world.organizationId + 1n });
  await expect(revokeLicenses(stranger, input)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const byId = { target: { licenseIds: (await liveOf(world, app)).map((license) => license.id) } };
  await expect(revokeLicenses(stranger, byId)).rejects.toMatchObject({ code: 'NOT_LICENSED' });
  await expect(cancelTask(stranger, { taskId: 1n })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
