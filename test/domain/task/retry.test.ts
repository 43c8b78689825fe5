import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { removeDevices } from '../../../src/domain/device/remove.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  eventFault,
  expectSound,
  failuresOf,
  faultOnce,
  giveApp,
  liveOf,
  makeDevices,
  readAsset,
  revoke,
  taskOf,
  uIdOf,
} from '../license/support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(async () => {
  world.simulator.admin.faults.clear();
  await expectSound(world);
});
afterAll(() => world.close());

const retry = (taskId: bigint) => retryTask(world.admin, { taskId });

test('the failed items of an association are tried again, and only those', async () => {
  const [plenty, scarce] = [await giveApp(world, token), await giveApp(world, token, { total: 1 })];
  const devices = await makeDevices(world, 3);
  const taskId = await associate(world, [plenty, scarce], devices, { onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ requested: 6n, completed: 4n, failed: 2n });
  world.simulator.admin.purchase({ uId: await uIdOf(world, token), adamId: scarce.adamId, count: 1 });
  await readAsset(world, token, scarce.adamId);
  const again = await retry(taskId);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ retryOf: taskId, requested: 2n, completed: 1n, failed: 1n });
  expect(await liveOf(world, scarce)).toHaveLength(2);
  expect(await liveOf(world, plenty)).toHaveLength(3);
  const entry = await world.database.prisma.auditEntry.findFirst({ where: { action: 'task.retry', taskId: again } });
  expect(entry).toMatchObject({ actor: expect.stringMatching(/^key:/) });
});

test('a cancelled task is taken up where it was stopped', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await cancelTask(world.admin, { taskId });
  const again = await retry(taskId);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ outcome: 'ALL', completed: 3n });
});

test('a device that was removed meanwhile fails by name, and is counted once', async () => {
  const apps = [await giveApp(world, token, { total: 1 }), await giveApp(world, token)];
  const devices = await makeDevices(world, 3);
  const taskId = await associate(world, [apps[0]!], devices, { onError: 'SKIP_FAILED' });
  await world.settle();
  const failed = (await failuresOf(world, taskId)).map((failure) => failure.deviceId!);
  await removeDevices(world.admin, { target: { deviceIds: [failed[0]!] } });
  const again = await retry(taskId);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ requested: 2n, completed: 0n, failed: 2n });
  expect((await failuresOf(world, again)).map((failure) => failure.code).sort()).toEqual([
    'NO_LICENSES_AVAILABLE',
    'UNKNOWN_DEVICE',
  ]);
});

test('the retry of a named token stays with that token', async () => {
  const app = await giveApp(world, token, { total: 0 });
  const district = await world.library('district');
  await giveApp(world, district, { adamId: app.adamId });
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [app.id],
    target: { deviceIds: await makeDevices(world, 1) },
    tokenId: token,
    onError: 'SKIP_FAILED',
  });
  const again = await retry(taskIds[0]!);
  expect(await taskOf(world, again)).toMatchObject({ outcome: 'NONE', failed: 1n });
});

test('a revoke whose items Apple refused is tried again; what ended meanwhile is named', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  await associate(world, app, devices);
  await world.settle();
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9609 }), 'disassociateAssets');
  const taskId = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'NONE', failed: 2n });
  await revoke(world, app, devices.slice(0, 1));
  await world.settle();
  const again = await retry(taskId);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ retryOf: taskId, requested: 2n, completed: 1n, failed: 1n });
  expect(await liveOf(world, app)).toEqual([]);
});

test('a sync that failed starts anew; one that succeeded is not retried', async () => {
  faultOnce(world, { kind: 'error', errorNumber: 9602 }, 'getAssets');
  const { syncs } = await syncLicenses(world.admin, { tokenIds: [token] });
  await world.settle();
  expect(await taskOf(world, syncs[0]!.taskId)).toMatchObject({ state: 'FAILED' });
  const again = await retry(syncs[0]!.taskId);
  await world.settle(1_000);
  expect(await taskOf(world, again)).toMatchObject({ kind: 'SYNC', state: 'SUCCEEDED', retryOf: syncs[0]!.taskId });
  await expect(retry(again)).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
});

test('nothing failed, or it is not over: there is nothing to retry', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 1);
  const taskId = await associate(world, app, devices);
  await expect(retry(taskId)).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
  await world.settle();
  await expect(retry(taskId)).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
  const repeated = await associate(world, app, [...devices, ...(await makeDevices(world, 1))]);
  await world.settle();
  expect(await taskOf(world, repeated)).toMatchObject({ failed: 1n });
  await expect(retry(repeated)).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
  await expect(retry(987_654n)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(retryTask(world.as('EMPLOYEE'), { taskId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
});
