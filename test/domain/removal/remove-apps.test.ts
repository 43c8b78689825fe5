/** Apps leave devices, and licenses follow: the whole way from the mutation to Apple and the device's app list. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { type RemoveAppsInput, removeApps } from '../../../src/domain/removal/remove-apps.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { assignDevices } from '../../../src/domain/vpp-user/assign-devices.ts';
import { createFleet, type Fleet } from '../../support/fleet.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  eventFault,
  expectSound,
  failuresOf,
  faultOnce,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  poolOf,
  type TestApp,
  taskOf,
  uIdOf,
} from '../license/support.ts';
import { associateUsers, registered } from '../vpp-user/support.ts';

let world: World;
let token: bigint;
let fleet: Fleet;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

/** An app with a bundle id, and devices that hold it and have it. */
async function licensed(count: number, managed = true): Promise<{ app: TestApp; bundleId: string; devices: bigint[] }> {
  const app = await giveApp(world, token);
  const bundleId = `com.example.${app.adamId}`;
  await world.database.prisma.app.updateMany({ where: { id: app.id }, data: { bundleId } });
  const devices = await makeDevices(world, count);
  await associate(world, app, devices);
  await world.settle();
  if (fleet) for (const id of devices) await fleet.enroll(id, { [bundleId]: managed });
  return { app, bundleId, devices };
}

async function remove(app: TestApp, deviceIds: bigint[], more: Partial<RemoveAppsInput> = {}): Promise<bigint> {
  const { taskIds } = await removeApps(world.admin, { appIds: [app.id], target: { deviceIds }, ...more });
  return taskIds[0]!;
}
const operations = (taskId: bigint) =>
  world.database.prisma.appOperation.findMany({ where: { taskId }, orderBy: { id: 'asc' } });
const removalsSent = () => fleet.mdm.calls.filter((call) => call.request.kind === 'REMOVE_APP');

test('S47 without an MDM server nothing is removed', async () => {
  const { app, devices } = await licensed(1);
  await expect(remove(app, devices)).rejects.toMatchObject({ code: 'MDM_NOT_CONNECTED' });
  await expect(
    revokeLicenses(world.admin, { appIds: [app.id], target: { deviceIds: devices }, removeApps: true }),
  ).rejects.toMatchObject({ code: 'MDM_NOT_CONNECTED' });
  fleet = await createFleet(world);
});

describe('removeApps', () => {
  test('S49 S50 the app first: its license goes back when the list shows the app gone, and not before', async () => {
    const { app, devices, bundleId } = await licensed(2);
    const before = removalsSent().length;
    const taskId = await remove(app, devices);
    await world.work();
    expect(removalsSent().slice(before)).toMatchObject([{ request: { kind: 'REMOVE_APP', bundleId } }]);
    expect(await poolOf(world, app)).toMatchObject({ held: 2n });
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({
      state: 'SUCCEEDED',
      outcome: 'ALL',
      completed: 2n,
      failed: 0n,
    });
    expect((await operations(taskId)).map((one) => [one.kind, one.state])).toEqual([
      ['REMOVE', 'DONE'],
      ['REMOVE', 'DONE'],
    ]);
    expect(await holdersAtApple(world, token, app)).toEqual([]);
    expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
  });

  test('S49 the license first: no command before Apple has taken it back', async () => {
    const { app, devices } = await licensed(1);
    const before = removalsSent().length;
    const taskId = await remove(app, devices, { order: 'LICENSE_FIRST' });
    expect(await operations(taskId)).toMatchObject([{ state: 'WAITING_FOR_LICENSE' }]);
    await world.work();
    expect(removalsSent()).toHaveLength(before);
    await fleet.run();
    expect(removalsSent()).toHaveLength(before + 1);
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n });
    expect(await liveOf(world, app)).toEqual([]);
  });

  test('S47 licenses stay where that is asked for; a key without the right to write licenses can do that much', async () => {
    const { app, devices } = await licensed(1);
    const some = world.as('ADMINISTRATOR', { scopes: ['devices:write'] });
    await expect(removeApps(some, { appIds: [app.id], target: { deviceIds: devices } })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    const { taskIds } = await removeApps(some, {
      appIds: [app.id],
      target: { deviceIds: devices },
      keepLicenses: true,
    });
    await fleet.run();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
    expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED' }]);
    // The app is not there any more: what is left is the license, and that is all that a removal has to do.
    const released = await remove(app, devices);
    expect(await operations(released)).toEqual([]);
    await fleet.run();
    expect(await taskOf(world, released)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n });
    expect(await liveOf(world, app)).toEqual([]);
    await expect(remove(app, devices)).rejects.toMatchObject({ code: 'APP_NOT_INSTALLED' });
  });

  test('§1.4 Macs, devices that are not enrolled and apps that are not managed are refused, each by its own code', async () => {
    const { app, devices, bundleId } = await licensed(1);
    const [mac, stranger] = (await makeDevices(world, 2)) as [bigint, bigint];
    const unmanaged = (await makeDevices(world, 1)) as [bigint];
    await world.database.prisma.device.updateMany({ where: { id: mac }, data: { family: 'MAC' } });
    const phone = await fleet.enroll(unmanaged[0], { [bundleId]: false }, { supervised: false });
    await expect(remove(app, [mac])).rejects.toMatchObject({ code: 'REMOVAL_NOT_SUPPORTED' });
    await expect(remove(app, [...devices, stranger])).rejects.toMatchObject({ code: 'DEVICE_NOT_ENROLLED' });
    // Whether it is managed says only a list that was asked for after the app was met; until then the device says so.
    const first = await remove(app, unmanaged);
    await fleet.run();
    expect(await failuresOf(world, first)).toMatchObject([{ code: 'APP_NOT_MANAGED' }]);
    await world.clock.advance(2 * 86_400_000);
    await fleet.run(async () => {
      const list = { kind: 'LIST_MANAGED_APPS', state: 'ACKNOWLEDGED', deviceId: unmanaged[0] } as const;
      return (await world.database.prisma.deviceCommand.count({ where: list })) > 1;
    });
    await expect(remove(app, unmanaged)).rejects.toMatchObject({ code: 'APP_NOT_MANAGED' });
    const taskId = await remove(app, [mac, stranger, ...unmanaged, ...devices], { onError: 'SKIP_FAILED' });
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({
      state: 'SUCCEEDED',
      outcome: 'SOME',
      completed: 1n,
      failed: 3n,
    });
    expect((await failuresOf(world, taskId)).map((one) => one.code)).toEqual([
      'REMOVAL_NOT_SUPPORTED',
      'DEVICE_NOT_ENROLLED',
      'APP_NOT_MANAGED',
    ]);
    // A supervised device with iOS 26 removes it all the same.
    await world.database.prisma.device.updateMany({
      where: { id: unmanaged[0] },
      data: { supervised: true, osVersion: '26.1' },
    });
    phone.apps.set(bundleId, true);
    const again = await retryTask(world.admin, { taskId });
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ retryOf: taskId, completed: 1n, failed: 2n });
  });

  test('§1.4 one thing is done with an app on a device at a time; a second removal is none, and keys repeat', async () => {
    const { app, devices } = await licensed(1);
    const input = { appIds: [app.id], target: { deviceIds: devices }, idempotencyKey: 'once' };
    const { taskIds } = await removeApps(world.admin, input);
    expect(await removeApps(world.admin, input)).toEqual({ taskIds, replayed: true });
    await expect(remove(app, devices)).rejects.toMatchObject({ code: 'OPERATION_IN_PROGRESS' });
    await fleet.run();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ outcome: 'ALL' });
    // What was refused because of something else with the app is done by a retry, when that is over.
    const other = await licensed(1);
    const { organizationId } = world;
    const at = world.clock.now();
    const operation = {
      organizationId,
      deviceId: other.devices[0]!,
      appId: other.app.id,
      taskId: taskIds[0]!,
      createdAt: at,
    };
    const { id } = await world.database.prisma.appOperation.create({
      data: { ...operation, kind: 'UPDATE', state: 'INSTALLING', changedAt: at, dueAt: new Date('2027-12-01') },
    });
    const refused = await remove(other.app, other.devices, { onError: 'SKIP_FAILED' });
    expect(await failuresOf(world, refused)).toMatchObject([{ code: 'OPERATION_IN_PROGRESS' }]);
    const over = { state: 'DONE', endedAt: at, settled: true, dueAt: null } as const;
    await world.database.prisma.appOperation.updateMany({ where: { id }, data: over });
    const again = await retryTask(world.admin, { taskId: refused });
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ outcome: 'ALL', completed: 1n });
  });

  test('§1.4 a device that leaves meanwhile: its app went with the profile, and its license goes back', async () => {
    const { app, devices, bundleId } = await licensed(2);
    const quiet = await fleet.enroll(devices[1]!, { [bundleId]: true }, { online: false });
    const leaver = await fleet.enroll(devices[0]!, { [bundleId]: true }, { online: false });
    const taskId = await remove(app, devices, { keepLicenses: false });
    await world.work();
    await fleet.leave(leaver);
    // What the device tells is forgotten, what was on its way is lost; the device itself and its state stay to be seen.
    const { prisma } = world.database;
    expect(await prisma.installedApp.count({ where: { deviceId: devices[0]! } })).toBe(0);
    expect(await prisma.enrollment.findMany({ where: { deviceId: devices[0]! } })).toMatchObject([{ state: 'GONE' }]);
    const sent = await prisma.deviceCommand.findMany({ where: { deviceId: devices[0]!, kind: 'REMOVE_APP' } });
    expect(sent).toMatchObject([{ state: 'LOST' }]);
    expect(await operations(taskId)).toMatchObject([{ state: 'FAILED', cause: { code: 'DEVICE_UNENROLLED' } }, {}]);
    await world.settle(500, 20).catch(() => {});
    expect((await liveOf(world, app)).map((license) => license.deviceId)).toEqual([devices[1]]);
    // The other one never answers: given up by the clock, and its license stays.
    expect(quiet.online).toBe(false);
    await world.clock.advance(8 * 86_400_000);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 0n, failed: 2n });
    expect((await failuresOf(world, taskId)).map((one) => one.code)).toEqual(['DEVICE_UNENROLLED', 'DEVICE_SILENT']);
    expect(await liveOf(world, app)).toHaveLength(1);
  });
});

describe('revokeLicenses with removeApps', () => {
  const revoke = async (app: TestApp, deviceIds: bigint[], more = {}) =>
    (await revokeLicenses(world.admin, { appIds: [app.id], target: { deviceIds }, removeApps: true, ...more }))
      .taskIds[0]!;

  test('S48 S49 S50 licenses and apps are items of one task; where an app can’t be removed the license goes back alone', async () => {
    const { app, devices } = await licensed(2);
    const [stranger] = (await makeDevices(world, 1)) as [bigint];
    await associate(world, app, [stranger]);
    await world.settle();
    const taskId = await revoke(app, [...devices, stranger]);
    expect(await taskOf(world, taskId)).toMatchObject({ requested: 6n, failed: 1n });
    await world.settle(500, 6).catch(() => {});
    expect(await poolOf(world, app)).toMatchObject({ held: 2n });
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({
      state: 'SUCCEEDED',
      outcome: 'SOME',
      completed: 5n,
      failed: 1n,
    });
    expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'DEVICE_NOT_ENROLLED', deviceId: stranger }]);
    expect(await holdersAtApple(world, token, app)).toEqual([]);
  });

  test('S49 an app that could not be removed keeps its license, which says so; the retry tries both', async () => {
    const { app, devices, bundleId } = await licensed(1);
    const device = await fleet.enroll(devices[0]!, { [bundleId]: true });
    device.apps.set(bundleId, false);
    const taskId = await revoke(app, devices);
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({
      state: 'SUCCEEDED',
      outcome: 'NONE',
      completed: 0n,
      failed: 2n,
    });
    expect((await failuresOf(world, taskId)).map((one) => one.code).sort()).toEqual([
      'APP_NOT_MANAGED',
      'APP_NOT_REMOVED',
    ]);
    expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED', revokeTaskId: null }]);
    await fleet.enroll(devices[0]!, { [bundleId]: true });
    const again = await retryTask(world.admin, { taskId });
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 2n });
    expect(await liveOf(world, app)).toEqual([]);
  });

  test('S49 an app that a license of another library or of the device’s person still allows stays; with the last of them it goes', async () => {
    const { app, devices, bundleId } = await licensed(2);
    const [both, personal] = devices as [bigint, bigint];
    const district = await world.library('district');
    await giveApp(world, district, { adamId: app.adamId });
    const { serialNumber } = await world.database.prisma.device.findFirstOrThrow({ where: { id: both } });
    world.simulator.admin.assign({ uId: await uIdOf(world, district), adamId: app.adamId, serialNumber });
    await world.library('district');
    const [user] = (await registered(world, token, 1)) as [bigint];
    await associateUsers(world, app, [user]);
    await world.settle();
    await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [personal] } });
    const { id: external } = await world.database.prisma.license.findFirstOrThrow({
      where: { appId: app.id, tokenId: district, endedAt: null },
    });
    const ours = (await liveOf(world, app)).filter((license) => license.deviceId !== null && license.id !== external);
    const target = { licenseIds: ours.map((license) => license.id) };
    const { taskIds } = await revokeLicenses(world.admin, { target, removeApps: true });
    expect(await operations(taskIds[0]!)).toEqual([]);
    await fleet.run();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 2n, completed: 2n, outcome: 'ALL' });
    const last = await revokeLicenses(world.admin, { target: { licenseIds: [external] }, removeApps: true });
    await fleet.run();
    expect(await operations(last.taskIds[0]!)).toMatchObject([{ deviceId: both, state: 'DONE' }]);
    expect(await world.database.prisma.installedApp.findMany({ where: { bundleId } })).toMatchObject([
      { deviceId: personal },
    ]);
  });

  test('S49 the retry of licenses that stayed removes the apps whose licenses went back, too; not from who has another by now', async () => {
    const { app, devices, bundleId } = await licensed(1);
    const [kept, away, again] = [devices[0]!, ...(await makeDevices(world, 2))] as [bigint, bigint, bigint];
    await associate(world, app, [away, again]);
    await world.settle();
    (await fleet.enroll(kept, { [bundleId]: true })).apps.set(bundleId, false);
    const taskId = await revoke(app, [kept, away, again]);
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({ completed: 2n, failed: 4n });
    expect(await liveOf(world, app)).toMatchObject([{ deviceId: kept }]);
    for (const id of [kept, away, again]) await fleet.enroll(id, { [bundleId]: true });
    await associate(world, app, [again]);
    await world.settle();
    const retried = await retryTask(world.admin, { taskId });
    await fleet.run();
    expect((await operations(retried)).map((one) => [one.deviceId, one.state])).toEqual([
      [kept, 'DONE'],
      [away, 'DONE'],
    ]);
    expect(await taskOf(world, retried)).toMatchObject({ kind: 'REVOKE', outcome: 'ALL', completed: 3n });
    expect(await liveOf(world, app)).toMatchObject([{ deviceId: again }]);
  });

  test('S49 §2.4 a task is at what it does: removing before and after a license went back, and not confirming', async () => {
    const { app, devices, bundleId } = await licensed(2);
    const slow = await fleet.enroll(devices[1]!, { [bundleId]: true }, { online: false });
    const taskId = await revoke(app, devices);
    await world.work();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'RUNNING', phase: 'REMOVING', completed: 0n });
    await fleet.run(async () => (await liveOf(world, app)).length === 1);
    await world.work();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'RUNNING', phase: 'REMOVING', completed: 2n });
    const phases = await world.database.prisma.taskEvent.findMany({ where: { taskId }, orderBy: { seq: 'asc' } });
    const told = phases.map(({ payload }) => (payload as { phase: string }).phase);
    expect(told.filter((phase, at) => phase !== told[at - 1])).toEqual([
      null,
      'REMOVING',
      'SENDING',
      'CONFIRMING',
      'REMOVING',
    ]);
    slow.online = true;
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 4n });
  });

  test('§1.16 the license first, and its revoke is given up while the license is still on its way: the app stays, and the task ends', async () => {
    const district = await world.library('district');
    const apps: { app: TestApp; device: bigint; asker: bigint; removal: bigint }[] = [];
    for (let count = 0; count < 2; count++) {
      const app = await giveApp(world, district);
      const bundleId = `com.example.${app.adamId}`;
      await world.database.prisma.app.updateMany({ where: { id: app.id }, data: { bundleId } });
      const [device] = (await makeDevices(world, 1)) as [bigint];
      await fleet.enroll(device, { [bundleId]: true });
      const asker = await associate(world, app, [device]);
      // It was sent, and put back when a list did not show it.
      await world.database.prisma.license.updateMany({ where: { taskId: asker }, data: { sends: 1 } });
      apps.push({ app, device, asker, removal: await remove(app, [device], { order: 'LICENSE_FIRST' }) });
    }
    const [stays, ends] = apps as [(typeof apps)[0], (typeof apps)[0]];
    const expiresAt = (await world.database.prisma.token.findFirstOrThrow({ where: { id: district } })).expiresAt;
    const expire = (at: Date) =>
      world.database.prisma.token.updateMany({ where: { id: district }, data: { expiresAt: at } });
    await expire(new Date(world.clock.now().getTime() - 1));
    await world.work();
    const asking = await taskOf(world, stays.asker);
    expect(asking).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
    // Who asked began to wait later than who takes it back.
    const waitsUntil = new Date(asking.waitsUntil!.getTime() + 86_400_000);
    await world.database.prisma.task.updateMany({ where: { id: stays.asker }, data: { waitsUntil } });
    await world.clock.advance(86_400_000);
    await world.work();
    expect(await operations(stays.removal)).toMatchObject([{ state: 'FAILED', cause: { code: 'LICENSE_KEPT' } }]);
    expect(await taskOf(world, stays.removal)).toMatchObject({ state: 'SUCCEEDED', requested: 1n, failed: 1n });
    expect((await failuresOf(world, stays.removal)).map((one) => one.code)).toEqual(['TOKEN_EXPIRED', 'LICENSE_KEPT']);
    // The other license has ended with its request, so nothing keeps that app.
    expect(await operations(ends.removal)).not.toMatchObject([{ state: 'WAITING_FOR_LICENSE' }]);
    await expire(expiresAt);
    await world.database.prisma.tokenGate.updateMany({ where: { tokenId: district }, data: { suspendedUntil: null } });
    await fleet.run();
    expect(await operations(ends.removal)).toMatchObject([{ state: 'DONE' }]);
    expect(await liveOf(world, stays.app)).toMatchObject([{ state: 'CONFIRMED', revokeTaskId: null }]);
    expect(await liveOf(world, ends.app)).toEqual([]);
  });

  test('S49 the license first, and its revoke is cancelled: the removals that wait for it are cancelled with it', async () => {
    const { app, devices, bundleId } = await licensed(1);
    const [late] = (await makeDevices(world, 1)) as [bigint];
    await fleet.enroll(late, { [bundleId]: true });
    const asker = await associate(world, app, [late]);
    // It was sent, and put back when a list did not show it: the revoke waits behind it.
    await world.database.prisma.license.updateMany({ where: { taskId: asker }, data: { sends: 1 } });
    const taskId = await revoke(app, [...devices, late], { order: 'LICENSE_FIRST' });
    expect((await operations(taskId)).map((one) => one.state)).toEqual(['WAITING_FOR_LICENSE', 'WAITING_FOR_LICENSE']);
    await cancelTask(world.admin, { taskId });
    const cancelled = { state: 'CANCELLED', cause: { code: 'CANCELLED' } };
    expect(await operations(taskId)).toMatchObject([cancelled, cancelled]);
    await fleet.run();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', completed: 0n, failed: 4n });
    expect(new Set((await failuresOf(world, taskId)).map((one) => one.code))).toEqual(new Set(['CANCELLED']));
    expect((await liveOf(world, app)).map((license) => license.state)).toEqual(['CONFIRMED', 'CONFIRMED']);
  });

  test('S49 §2.4 what nobody renewed the token for is over, and the task is at its devices again', async () => {
    const { app, devices, bundleId } = await licensed(2);
    await fleet.enroll(devices[1]!, { [bundleId]: true }, { online: false });
    const taskId = await revoke(app, devices);
    const { expiresAt } = await world.database.prisma.token.findFirstOrThrow({ where: { id: token } });
    const expire = (at: Date) =>
      world.database.prisma.token.updateMany({ where: { id: token }, data: { expiresAt: at } });
    await expire(new Date(world.clock.now().getTime() - 1));
    await fleet.run(async () => (await taskOf(world, taskId)).state === 'WAITING');
    expect(await taskOf(world, taskId)).toMatchObject({ waitsFor: 'TOKEN_RENEWAL' });
    await world.clock.advance(86_400_000);
    await world.work();
    expect((await failuresOf(world, taskId)).map((one) => one.code)).toEqual(['TOKEN_EXPIRED']);
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'RUNNING', phase: 'REMOVING', waitsFor: null });
    await expire(expiresAt);
    await world.database.prisma.tokenGate.updateMany({ where: { tokenId: token }, data: { suspendedUntil: null } });
    await cancelTask(world.admin, { taskId });
    await fleet.enroll(devices[1]!, { [bundleId]: true });
    await fleet.run();
  });

  test('S49 the license first, and Apple keeps it: the app stays too', async () => {
    const { app, devices } = await licensed(1);
    faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9603 }), 'disassociateAssets', 9);
    const taskId = await revoke(app, devices, { order: 'LICENSE_FIRST' });
    await fleet.run();
    expect(await operations(taskId)).toMatchObject([{ state: 'FAILED', cause: { code: 'LICENSE_KEPT' } }]);
    expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED' }]);
    expect((await failuresOf(world, taskId)).map((one) => one.code).sort()).toEqual(['APPLE_9603', 'LICENSE_KEPT']);
  });
});

describe('F5 plans of removals', () => {
  const items = async (planId: bigint) =>
    (await world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } })).map(
      ({ deviceId, outcome, licenses, code }) => [deviceId, outcome, Number(licenses), code],
    );

  test('F5 S47 which apps go with which licenses, what stays and why; applied it is what was shown', async () => {
    const { app, devices } = await licensed(2);
    const [away] = await makeDevices(world, 1);
    const [first, second] = devices as [bigint, bigint];
    const input = { appIds: [app.id], target: { deviceIds: [first, second, away!] } };
    const removals = removalsSent().length;
    const refused = await makePlan(world.admin, 'APP_REMOVAL', input);
    const shown = [
      [first, 'REMOVE_APP', 0, null],
      [first, 'TAKE_BACK', 1, null],
      [second, 'REMOVE_APP', 0, null],
      [second, 'TAKE_BACK', 1, null],
      [away, 'REFUSED', 0, 'DEVICE_NOT_ENROLLED'],
    ];
    expect(await items(refused.planId)).toEqual(shown);
    await expect(applyPlan(world.admin, refused), 'ATOMIC').rejects.toMatchObject({ code: 'DEVICE_NOT_ENROLLED' });
    const kept = await makePlan(world.admin, 'APP_REMOVAL', { ...input, keepLicenses: true, onError: 'SKIP_FAILED' });
    expect(await items(kept.planId)).toEqual(shown.filter(([, outcome]) => outcome !== 'TAKE_BACK'));
    const plan = await makePlan(world.admin, 'APP_REMOVAL', { ...input, onError: 'SKIP_FAILED' });
    const licenseFirst = await makePlan(world.admin, 'APP_REMOVAL', {
      ...input,
      order: 'LICENSE_FIRST',
      onError: 'SKIP_FAILED',
    });
    expect(await items(licenseFirst.planId)).toEqual(shown);
    await world.work();
    expect(removalsSent().length, 'nothing was done').toBe(removals);
    const { taskId } = await applyPlan(world.admin, plan);
    await fleet.run();
    await world.settle();
    await fleet.run();
    expect(await taskOf(world, taskId!)).toMatchObject({ kind: 'REMOVE_APPS', completed: 2n, failed: 1n });
    expect(await liveOf(world, app)).toEqual([]);
    await expect(applyPlan(world.admin, kept), 'the apps are gone').rejects.toMatchObject({ code: 'PLAN_STALE' });
  });

  test('F5 S47 a revocation with its apps: what can’t be removed is no license more', async () => {
    const { app, devices } = await licensed(1);
    const [away] = await makeDevices(world, 1);
    await associate(world, app, [away!]);
    await world.settle();
    const input = { appIds: [app.id], target: { deviceIds: [...devices, away!] }, removeApps: true };
    const { planId } = await makePlan(world.admin, 'REVOCATION', input);
    expect(await items(planId)).toEqual([
      [devices[0], 'REMOVE_APP', 0, null],
      [devices[0], 'TAKE_BACK', 1, null],
      [away, 'REFUSED', 0, 'DEVICE_NOT_ENROLLED'],
      [away, 'TAKE_BACK', 1, null],
    ]);
    const { taskId } = await applyPlan(world.admin, { planId });
    await fleet.run();
    await world.settle();
    expect(await liveOf(world, app)).toEqual([]);
    expect((await failuresOf(world, taskId!)).map(({ code }) => code)).toEqual(['DEVICE_NOT_ENROLLED']);
  });
});
