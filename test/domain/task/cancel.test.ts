import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
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
  taskOf,
} from '../license/support.ts';

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

test('cancel while QUEUED: nothing is sent, the seats are free, every item is named', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'NONE', failed: 3n, completed: 0n });
  expect((await failuresOf(world, taskId)).map((failure) => failure.code)).toEqual([
    'CANCELLED',
    'CANCELLED',
    'CANCELLED',
  ]);
  expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
  await world.settle();
  expect(callsOf(world, 'associateAssets')).toEqual([]);
});

test('cancel in the middle: what was sent settles, the rest is given back, then the task is CANCELLED', async () => {
  const app = await giveApp(world, token);
  world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 2 } });
  await world.clock.advance(300_000);
  faultOnce(world, { kind: 'error', errorNumber: 9729 }, 'associateAssets');
  world.simulator.admin.faults.list()[0]!.match.nth = 3;
  const taskId = await associate(world, app, await makeDevices(world, 8));
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING' });
  await cancelTask(world.admin, { taskId });
  const open = await taskOf(world, taskId);
  expect(open).toMatchObject({ failed: 4n, finishedAt: null });
  expect(open.cancelRequestedAt).not.toBeNull();
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'SOME', completed: 4n, failed: 4n });
  expect(await holdersAtApple(world, token, app)).toHaveLength(4);
  // Apple's limits are read every five minutes.
  world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 1000 } });
  await world.clock.advance(300_000);
});

test('cancel while Apple works on it: nothing that Apple confirms is undone', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.work();
  await cancelTask(world.admin, { taskId });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'ALL', completed: 3n });
  expect(await liveOf(world, app)).toHaveLength(3);
});

test('cancel while the outcome is unknown: what Apple has counts, what it may still be at is sent again, and its answer ends it', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 4);
  faultOnce(world, eventFault({ stuckAfter: 1 }));
  faultOnce(world, { kind: 'reset', when: 'after' });
  const taskId = await associate(world, app, devices);
  await world.work();
  await cancelTask(world.admin, { taskId });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'ALL', completed: 4n });
  expect(callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers)).toEqual([4, 3]);
});

test('cancel while a write is on its way that Apple then refuses to take: it is not sent again', async () => {
  const app = await giveApp(world, token);
  let cancelled: Promise<unknown> | undefined;
  const { associate: send } = world.services.apple;
  world.services.apple.associate = async (...call) => {
    world.services.apple.associate = send;
    cancelled = cancelTask(world.admin, { taskId });
    await cancelled;
    faultOnce(world, { kind: 'error', errorNumber: 9646, retryAfter: 5 });
    return send(...call);
  };
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'NONE', failed: 3n });
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  await world.clock.advance(10_000);
  await world.work();
});

test('cancel a revoke: what was not sent stays licensed, and can be revoked again', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 4);
  await associate(world, app, devices);
  await world.settle();
  const taskId = await revoke(world, app, devices);
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'NONE', failed: 4n });
  expect(await liveOf(world, app)).toMatchObject(devices.map(() => ({ state: 'CONFIRMED', revokeTaskId: null })));
  const again = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ outcome: 'ALL', completed: 4n });
});

test('cancel a revoke that waits behind a request: the license arrives and stays', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const given = await associate(world, app, devices);
  await world.work();
  const taskId = await revoke(world, app, devices);
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', failed: 2n });
  expect(new Set((await failuresOf(world, taskId)).map((failure) => failure.deviceId))).toEqual(new Set(devices));
  await world.settle();
  expect(await taskOf(world, given)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(await liveOf(world, app)).toHaveLength(2);
});

test('cancel a sync: the worker that runs it writes nothing more', async () => {
  const { syncs } = await syncLicenses(world.admin, { tokenIds: [token] });
  const { taskId } = syncs[0]!;
  const { readAssets } = world.services.apple;
  world.services.apple.readAssets = async (...call) => {
    world.services.apple.readAssets = readAssets;
    await cancelTask(world.admin, { taskId });
    return readAssets(...call);
  };
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED' });
});

test('a finished task can not be cancelled, and one that is being cancelled may be cancelled again', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 1));
  await world.work();
  await cancelTask(world.admin, { taskId });
  await cancelTask(world.admin, { taskId });
  await world.settle();
  await expect(cancelTask(world.admin, { taskId })).rejects.toMatchObject({ code: 'TASK_FINISHED' });
  await expect(cancelTask(world.admin, { taskId: 123_456n })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(cancelTask(world.as('EMPLOYEE'), { taskId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const entries = await world.database.prisma.auditEntry.count({ where: { action: 'task.cancel', taskId } });
  expect(entries).toBe(2);
});
