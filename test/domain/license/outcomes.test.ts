/** What Apple can answer to a write, and what becomes of the licenses, the seats and the task. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
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
  uIdOf,
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
  world.simulator.admin.setOptions({
    repeatAssociate: 'success',
    disassociateUnassigned: 'success',
    partialFailureStatus: 'FAILED',
    limits: { maxAssets: 25, maxSerialNumbers: 1000 },
  });
  await expectSound(world);
});
afterAll(() => world.close());

const serialOf = async (id: bigint) =>
  (await world.database.prisma.device.findFirstOrThrow({ where: { id } })).serialNumber;

test('9709 at Apple although seats looked free: those fail by name and their seats are free again', async () => {
  const app = await giveApp(world, token, { total: 10 });
  const strangers = ['X1', 'X2', 'X3', 'X4', 'X5', 'X6', 'X7'];
  const uId = await uIdOf(world, token);
  for (const serialNumber of strangers) world.simulator.admin.assign({ uId, adamId: app.adamId, serialNumber });
  const taskId = await associate(world, app, await makeDevices(world, 5));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 3n, failed: 2n });
  expect(await failuresOf(world, taskId)).toMatchObject([
    { code: 'NO_LICENSES_AVAILABLE', appleErrorNumber: 9709, appId: app.id },
    { code: 'NO_LICENSES_AVAILABLE', appleErrorNumber: 9709, appId: app.id },
  ]);
  expect(await poolOf(world, app)).toMatchObject({ held: 3n, reserved: 0n });
  for (const serialNumber of strangers) world.simulator.admin.unassign({ uId, adamId: app.adamId, serialNumber });
});

for (const status of ['FAILED', 'COMPLETE'] as const) {
  test(`a partial failure with one asset, reported as ${status}: exactly the named device fails`, async () => {
    world.simulator.admin.setOptions({ partialFailureStatus: status });
    const app = await giveApp(world, token);
    const devices = await makeDevices(world, 5);
    faultOnce(world, eventFault({ failTargets: [await serialOf(devices[2]!)], errorNumber: 9609 }));
    const taskId = await associate(world, app, devices);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', completed: 4n, failed: 1n });
    expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'APPLE_9609', deviceId: devices[2] }]);
    expect(callsOf(world, 'getAssignments')).toHaveLength(0);
  });
}

test('a partial failure with several assets: who has what is read, and only what is missing fails', async () => {
  const [plenty, scarce] = [await giveApp(world, token), await giveApp(world, token, { total: 10 })];
  const uId = await uIdOf(world, token);
  for (let at = 0; at < 8; at++) world.simulator.admin.assign({ uId, adamId: scarce.adamId, serialNumber: `Y${at}` });
  const devices = await makeDevices(world, 4);
  const taskId = await associate(world, [plenty, scarce], devices);
  await world.settle();
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', completed: 6n, failed: 2n });
  expect((await failuresOf(world, taskId)).map((failure) => [failure.code, failure.appId])).toEqual([
    ['NO_LICENSES_AVAILABLE', scarce.id],
    ['NO_LICENSES_AVAILABLE', scarce.id],
  ]);
  expect(await holdersAtApple(world, token, plenty)).toHaveLength(4);
  for (let at = 0; at < 8; at++) world.simulator.admin.unassign({ uId, adamId: scarce.adamId, serialNumber: `Y${at}` });
});

test('an event that failed and names nobody is compared with the assignments', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 4);
  faultOnce(world, eventFault({ failAfter: 3, errorNumber: 9609 }));
  faultOnce(world, { kind: 'missingList' }, 'eventStatus', 3);
  const taskId = await associate(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', completed: 3n, failed: 1n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'APPLE_REFUSED', deviceId: devices[3] }]);
});

test('an internal error at Apple for single devices passes by itself: they are sent again', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 5);
  faultOnce(world, eventFault({ failTargets: [await serialOf(devices[0]!)], errorNumber: 9603 }));
  const taskId = await associate(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 5n, failed: 0n });
  expect(callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers)).toEqual([5, 1]);
});

test('§14 an internal error of single items (9603): five sends at once, then in minutes, then its end; the writer is not held up', async () => {
  const app = await giveApp(world, token);
  const [sick, well] = [await makeDevices(world, 1), await makeDevices(world, 2)];
  const serial = await serialOf(sick[0]!);
  faultOnce(world, eventFault({ failTargets: [serial], errorNumber: 9603 }), 'associateAssets', 50);
  const taskId = await associate(world, app, sick);
  for (let round = 0; round < 8; round++) {
    await world.work();
    await world.clock.advance(1_000);
  }
  expect(callsOf(world, 'associateAssets')).toHaveLength(5);
  const waiting = await taskOf(world, taskId);
  expect(waiting).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
  expect(waiting.waitsUntil!.getTime() - world.clock.now().getTime()).toBeGreaterThan(50_000);
  const other = await associate(world, app, well);
  await world.work();
  await world.clock.advance(1_000);
  await world.work();
  expect(await taskOf(world, other)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  await world.settle(30_000);
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'APPLE_9603', appleErrorNumber: 9603 }]);
  expect(callsOf(world, 'associateAssets')).toHaveLength(9 + 1);
});

test('§14 maintenance (9644) of single items: sent again in minutes, not at once, and given in the end', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 3);
  faultOnce(world, eventFault({ failTargets: [await serialOf(devices[0]!)], errorNumber: 9644 }), 'associateAssets', 8);
  const started = world.clock.now().getTime();
  const taskId = await associate(world, app, devices);
  await world.work();
  await world.clock.advance(1_000);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE', completed: 2n });
  await world.settle(30_000);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n, failed: 0n });
  const at = callsOf(world, 'associateAssets').map((call) => (Date.parse(call.at) - started) / 60_000);
  expect(at).toHaveLength(9);
  expect(at.slice(1).every((moment, index) => moment - at[index]! >= 1)).toBe(true);
});

for (const repeat of ['success', 'failure'] as const) {
  test(`what Apple has already counts as given, whether a repeat is ${repeat} there`, async () => {
    world.simulator.admin.setOptions({ repeatAssociate: repeat, disassociateUnassigned: repeat });
    const app = await giveApp(world, token, { total: 5 });
    const devices = await makeDevices(world, 5);
    const uId = await uIdOf(world, token);
    world.simulator.admin.assign({ uId, adamId: app.adamId, serialNumber: await serialOf(devices[1]!) });
    const taskId = await associate(world, app, devices);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 5n });
    world.simulator.admin.unassign({ uId, adamId: app.adamId, serialNumber: await serialOf(devices[3]!) });
    const back = await revoke(world, app, devices);
    await world.settle();
    expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 5n });
    expect(await holdersAtApple(world, token, app)).toEqual([]);
  });

  for (const when of ['before', 'after'] as const) {
    test(`F12 no answer, ${when} the write was applied (repeats are ${repeat}): it waits, looks, and sends only what is missing`, async () => {
      world.simulator.admin.setOptions({ repeatAssociate: repeat });
      const app = await giveApp(world, token, { total: 40 });
      const devices = await makeDevices(world, 40);
      faultOnce(world, { kind: 'reset', when });
      const taskId = await associate(world, app, devices);
      await world.work();
      expect(await liveOf(world, app)).toMatchObject(devices.map(() => ({ state: 'REQUESTED' })));
      await world.clock.advance(59_000);
      await world.work();
      // Other assets may be looked into meanwhile, because their counts differ.
      expect(callsOf(world, 'getAssignments').filter(({ query }) => query.adamId === app.adamId)).toHaveLength(0);
      expect(callsOf(world, 'associateAssets')).toHaveLength(1);
      await world.settle();
      expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 40n, failed: 0n });
      expect(callsOf(world, 'associateAssets')).toHaveLength(when === 'after' ? 1 : 2);
      expect(await holdersAtApple(world, token, app)).toHaveLength(40);
    });
  }
}

test('F12 no answer to a revoke: it looks, and sends again only what is still there', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 30);
  await associate(world, app, devices);
  await world.settle();
  for (const when of ['before', 'after'] as const) {
    world.simulator.admin.clearJournal();
    faultOnce(world, { kind: 'reset', when }, 'disassociateAssets');
    const half = when === 'before' ? devices.slice(0, 15) : devices.slice(15);
    const taskId = await revoke(world, app, half);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 15n });
    expect(callsOf(world, 'disassociateAssets')).toHaveLength(when === 'before' ? 2 : 1);
  }
  expect(await holdersAtApple(world, token, app)).toEqual([]);
});

test('an event that Apple no longer knows (9708) is settled by the assignments', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 3);
  faultOnce(world, { kind: 'error', errorNumber: 9708 }, 'eventStatus');
  const taskId = await associate(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n });
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
});

test('an event that stays PENDING is compared after ten minutes, and what is missing is sent again', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 6);
  faultOnce(world, eventFault({ stuckAfter: 2 }));
  const taskId = await associate(world, app, devices);
  await world.settle(30_000);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 6n });
  expect(callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers)).toEqual([6, 4]);
});

test('F12 what Apple may still be at is not given back by a cancel: it is sent again, and the next answer ends it', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 6);
  faultOnce(world, eventFault({ stuckAfter: 2 }));
  const taskId = await associate(world, app, devices);
  await world.work();
  await cancelTask(world.admin, { taskId });
  await world.settle(30_000);
  expect(callsOf(world, 'associateAssets').map((call) => call.body!.serialNumbers)).toEqual([6, 4]);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', completed: 6n });
  expect(await holdersAtApple(world, token, app)).toHaveLength(6);
});

test('an event that stays PENDING for ever ends as failed after five sends', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, eventFault({ stuckAfter: 0 }), 'associateAssets', 50);
  const taskId = await associate(world, app, await makeDevices(world, 1));
  await world.settle(60_000);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'NONE', failed: 1n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'APPLE_DOES_NOT_APPLY' }]);
});

test('limits that shrink: the refused write is split by the new ones', async () => {
  const [one, two] = [await giveApp(world, token), await giveApp(world, token)];
  faultOnce(world, { kind: 'limits', limits: { maxAssets: 1, maxSerialNumbers: 7 } });
  const taskId = await associate(world, [one, two], await makeDevices(world, 20));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 40n });
  const sizes = callsOf(world, 'associateAssets').map((call) => [call.body!.assets, call.body!.serialNumbers]);
  expect(sizes).toEqual([
    [2, 20],
    [1, 7],
    [1, 7],
    [1, 7],
    [1, 7],
    [1, 6],
    [1, 6],
  ]);
});

test('a write that Apple refuses (9707) without naming the asset: the assets go one by one and only the bad one fails', async () => {
  const [good, bad] = [await giveApp(world, token), await giveApp(world, token)];
  const taskIdOf = associate(world, [good, bad], await makeDevices(world, 3));
  const taskId = await taskIdOf;
  world.simulator.admin.setAsset({ uId: await uIdOf(world, token), adamId: bad.adamId, deviceAssignable: false });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', completed: 3n, failed: 3n });
  expect(await failuresOf(world, taskId)).toMatchObject(
    [0, 1, 2].map(() => ({ code: 'NOT_DEVICE_ASSIGNABLE', appId: bad.id, appleErrorNumber: 9707 })),
  );
});

test('a revoke that Apple refuses (9706): the licenses stay, and the task says so', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  await associate(world, app, devices);
  await world.settle();
  world.simulator.admin.setAsset({ uId: await uIdOf(world, token), adamId: app.adamId, revocable: false });
  const taskId = await revoke(world, app, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 2n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'NOT_REVOCABLE' }, { code: 'NOT_REVOCABLE' }]);
  expect(await liveOf(world, app)).toMatchObject([
    { state: 'CONFIRMED', revokeTaskId: null, callId: null },
    { state: 'CONFIRMED', revokeTaskId: null, callId: null },
  ]);
});

test('an answer in HTML or cut off is an unknown outcome of a write, and no seat is given twice', async () => {
  for (const fault of [{ kind: 'html' as const }, { kind: 'truncate' as const }]) {
    const app = await giveApp(world, token, { total: 3 });
    faultOnce(world, fault);
    const taskId = await associate(world, app, await makeDevices(world, 3));
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 3n });
  }
});
