/** Whose device it is, and what leaves it with its person. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { assignDevices, unassignDevices } from '../../../src/domain/vpp-user/assign-devices.ts';
import { readOwners } from '../../../src/domain/vpp-user/devices.ts';
import { retireVppUsers } from '../../../src/domain/vpp-user/retire.ts';
import { eventually } from '../../support/eventually.ts';
import { createFleet, type Fleet } from '../../support/fleet.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
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
} from '../license/support.ts';
import { associateUsers, codeOf, registered, userOf } from '../vpp-user/support.ts';

let world: World;
let token: bigint;
let fleet: Fleet;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
  fleet = await createFleet(world);
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

/** A person with a license of an app, whose Apple Account is linked. */
async function person(account: string): Promise<{ user: bigint; app: TestApp; bundleId: string; idHash: string }> {
  const app = await giveApp(world, token, { total: 10 });
  const bundleId = `com.example.${app.adamId}`;
  await world.database.prisma.app.updateMany({ where: { id: app.id }, data: { bundleId } });
  const [user] = (await registered(world, token, 1)) as [bigint];
  await associateUsers(world, app, [user]);
  await world.settle();
  world.simulator.admin.acceptInvitation({ inviteCode: await codeOf(world, user), account });
  await world.library('own');
  const { idHash } = await userOf(world, user);
  return { user, app, bundleId, idHash: idHash! };
}

const removals = (taskId: bigint) =>
  world.database.prisma.appOperation.findMany({ where: { taskId }, orderBy: { deviceId: 'asc' } });
const owner = async (deviceId: bigint) =>
  (await readOwners({ rows: (query) => world.database.prisma.$queryRaw(query) }, world.organizationId, [deviceId])).get(
    deviceId,
  );

describe('whose device it is', () => {
  test('§7 the account that it tells of says so, unless somebody does; and what was said can be taken back', async () => {
    const { user, idHash } = await person('whose@icloud.example');
    const [other] = (await registered(world, token, 1)) as [bigint];
    const [device] = (await makeDevices(world, 1)) as [bigint];
    expect(await owner(device)).toBeUndefined();
    await fleet.enroll(device, {}, { account: idHash });
    expect(await owner(device)).toBe(user);
    const target = { deviceIds: [device] };
    expect(await assignDevices(world.admin, { vppUserId: other, target })).toEqual({
      vppUserId: other,
      changed: 1,
      unchanged: 0,
    });
    expect(await owner(device)).toBe(other);
    expect(await assignDevices(world.admin, { vppUserId: other, target })).toMatchObject({ changed: 0, unchanged: 1 });
    await unassignDevices(world.admin, { target });
    expect(await owner(device)).toBe(user);
    const audit = await world.database.prisma.auditEntry.findMany({ where: { action: { startsWith: 'device.' } } });
    expect(audit.map((entry) => entry.action)).toEqual(expect.arrayContaining(['device.assign', 'device.unassign']));
  });

  test('§7 it needs the right to write devices, a device that is there and a person who is active', async () => {
    const [user] = (await registered(world, token, 1)) as [bigint];
    const [device] = (await makeDevices(world, 1)) as [bigint];
    const target = { deviceIds: [device] };
    const reader = world.as('ADMINISTRATOR', { scopes: ['devices:read', 'users:write'] });
    await expect(assignDevices(reader, { vppUserId: user, target })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(
      assignDevices(world.admin, { vppUserId: user, target: { serialNumbers: ['NOBODYS'] } }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE' });
    await retireVppUsers(world.admin, { vppUserIds: [user] });
    await world.settle();
    await expect(assignDevices(world.admin, { vppUserId: user, target })).rejects.toMatchObject({
      code: 'USER_NOT_ACTIVE',
    });
  });
});

describe('people who leave', () => {
  test('S48 S49 S50 their licenses come back at once, their apps are removed from all of their devices, and another person gets the seat', async () => {
    const { user, app, bundleId, idHash } = await person('leaves@icloud.example');
    const [byAccount, assigned, licensed, away] = (await makeDevices(world, 4)) as [bigint, bigint, bigint, bigint];
    for (const id of [byAccount, licensed]) await fleet.enroll(id, { [bundleId]: true }, { account: idHash });
    await fleet.enroll(assigned, { [bundleId]: true, 'com.example.other': true });
    await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [assigned, away] } });
    // This one has the app by a license of its own.
    await associate(world, app, [licensed]);
    await world.settle();
    const input = { vppUserIds: [user], removeApps: true };
    const { planId } = await makePlan(world.admin, 'USER_RETIREMENT', input);
    const items = await world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } });
    expect(items.filter((item) => item.outcome === 'REMOVE_APP').map((item) => item.deviceId)).toEqual([
      byAccount,
      assigned,
    ]);
    expect(items.map((item) => item.outcome).sort()).toEqual([
      'REFUSED',
      'REMOVE_APP',
      'REMOVE_APP',
      'RETIRE',
      'TAKE_BACK',
    ]);
    const { taskId } = (await applyPlan(world.admin, { planId })) as { taskId: bigint };
    expect(await taskOf(world, taskId)).toMatchObject({ requested: 5n, failed: 1n });
    await fleet.run();
    expect((await removals(taskId)).map((one) => [one.deviceId, one.state])).toEqual([
      [byAccount, 'DONE'],
      [assigned, 'DONE'],
    ]);
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 4n, failed: 1n });
    expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'DEVICE_NOT_ENROLLED', deviceId: away }]);
    expect((await userOf(world, user)).status).toBe('RETIRED');
    expect((await liveOf(world, app)).map((license) => license.deviceId)).toEqual([licensed]);
    const [next] = (await registered(world, token, 1)) as [bigint];
    await associateUsers(world, app, [next]);
    await world.settle();
    expect(await holdersAtApple(world, token, app)).toHaveLength(2);
  });

  test('S49 retiring does not wait for devices that are out of reach, but the task does', async () => {
    const { user, app, bundleId, idHash } = await person('offline@icloud.example');
    const [device] = (await makeDevices(world, 1)) as [bigint];
    await fleet.enroll(device, { [bundleId]: true }, { account: idHash, online: false });
    const { taskIds } = await retireVppUsers(world.admin, { vppUserIds: [user], removeApps: true });
    await fleet.run(async () => (await userOf(world, user)).status === 'RETIRED');
    expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
    expect(await removals(taskIds[0]!)).toMatchObject([{ state: 'SENT' }]);
    await world.clock.advance(8 * 86_400_000);
    await world.settle();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', completed: 2n, failed: 1n });
    // The device comes back: the retry removes what is left. Not while somebody else's license allows it.
    const [next] = (await registered(world, token, 1)) as [bigint];
    await associateUsers(world, app, [next]);
    await assignDevices(world.admin, { vppUserId: next, target: { deviceIds: [device] } });
    await fleet.enroll(device, { [bundleId]: true });
    await expect(retryTask(world.admin, { taskId: taskIds[0]! })).rejects.toMatchObject({ code: 'TASK_NOT_RETRYABLE' });
    await unassignDevices(world.admin, { target: { deviceIds: [device] } });
    const again = await retryTask(world.admin, { taskId: taskIds[0]! });
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ kind: 'REMOVE_APPS', outcome: 'ALL', completed: 1n });
    const some = world.as('ADMINISTRATOR', { scopes: ['tasks:write', 'users:write'] });
    await expect(retryTask(some, { taskId: taskIds[0]! })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('S49 a person whom Apple did not retire is tried again, with the apps that were out of reach', async () => {
    const { user, app, bundleId } = await person('again@icloud.example');
    const [away] = (await makeDevices(world, 1)) as [bigint];
    await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [away] } });
    faultOnce(world, { kind: 'event', plan: { failAfter: 0, errorNumber: 9610 } }, 'retireUsers');
    const { taskIds } = await retireVppUsers(world.admin, { vppUserIds: [user], removeApps: true });
    await world.settle();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ completed: 1n, failed: 2n });
    await fleet.enroll(away, { [bundleId]: true });
    const again = await retryTask(world.admin, { taskId: taskIds[0]! });
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ kind: 'RETIRE_USERS', outcome: 'ALL', completed: 2n });
    expect(await removals(again)).toMatchObject([{ deviceId: away, state: 'DONE' }]);
    expect((await userOf(world, user)).status).toBe('RETIRED');
    expect(await liveOf(world, app)).toEqual([]);
  });

  test('S49 people whom another request has retired meanwhile need nothing more: the retry removes the apps that are left', async () => {
    const { user, app, bundleId } = await person('meanwhile@icloud.example');
    const [away] = (await makeDevices(world, 1)) as [bigint];
    await assignDevices(world.admin, { vppUserId: user, target: { deviceIds: [away] } });
    faultOnce(world, { kind: 'event', plan: { failAfter: 0, errorNumber: 9610 } }, 'retireUsers');
    const { taskIds } = await retireVppUsers(world.admin, { vppUserIds: [user], removeApps: true });
    await world.settle();
    expect(await taskOf(world, taskIds[0]!)).toMatchObject({ completed: 1n, failed: 2n });
    await retireVppUsers(world.admin, { vppUserIds: [user] });
    await world.settle();
    await fleet.enroll(away, { [bundleId]: true });
    // Who is given the app there waits, or is seen.
    const client = await world.database.pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM license_pool WHERE app_id = $1 FOR NO KEY UPDATE', [app.id]);
    const retried = retryTask(world.admin, { taskId: taskIds[0]! });
    try {
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      expect(await eventually(async () => (await world.database.pool.query(waiting)).rows.length > 0)).toBe(true);
    } finally {
      await client.query('COMMIT');
      client.release();
    }
    const again = await retried;
    await fleet.run();
    expect(await taskOf(world, again)).toMatchObject({ kind: 'REMOVE_APPS', outcome: 'ALL', completed: 1n });
    expect(await removals(again)).toMatchObject([{ deviceId: away, state: 'DONE' }]);
  });
});

test('S24 S49 a license of a person goes back when the app is gone from the last of their devices', async () => {
  const { user, app, bundleId, idHash } = await person('three@icloud.example');
  const [fast, slow] = (await makeDevices(world, 2)) as [bigint, bigint];
  await fleet.enroll(fast, { [bundleId]: true }, { account: idHash });
  const late = await fleet.enroll(slow, { [bundleId]: true }, { account: idHash, online: false });
  const { taskIds } = await revokeLicenses(world.admin, {
    appIds: [app.id],
    target: { vppUserIds: [user] },
    removeApps: true,
  });
  const [taskId] = taskIds as [bigint];
  await fleet.run(async () => (await removals(taskId))[0]!.settled);
  expect(await liveOf(world, app)).toMatchObject([{ state: 'CONFIRMED', revokeTaskId: null }]);
  late.online = true;
  await fleet.run();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 3n });
  expect(await liveOf(world, app)).toEqual([]);
});

test('S49 a license that goes back as soon as its app is gone keeps no other device’s app', async () => {
  const { user, app, bundleId, idHash } = await person('both@icloud.example');
  const [a, b] = (await makeDevices(world, 2)) as [bigint, bigint];
  const away = await fleet.enroll(a, { [bundleId]: true }, { account: idHash, online: false });
  await fleet.enroll(b, { [bundleId]: true }, { account: idHash });
  await associate(world, app, [b]);
  await world.settle();
  const appIds = [app.id];
  const first = await revokeLicenses(world.admin, { appIds, target: { vppUserIds: [user] }, removeApps: true });
  expect((await removals(first.taskIds[0]!)).map((one) => one.deviceId)).toEqual([a]);
  const second = await revokeLicenses(world.admin, { appIds, target: { deviceIds: [b] }, removeApps: true });
  expect((await removals(second.taskIds[0]!)).map((one) => one.deviceId)).toEqual([b]);
  away.online = true;
  await fleet.run();
  expect(await world.database.prisma.installedApp.count({ where: { bundleId } })).toBe(0);
  expect(await liveOf(world, app)).toEqual([]);
});
