/** What Apple can answer to a write of people, and that nothing is lost or doubled when it does not. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Failpoint } from '../../../src/domain/context.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { removeToken } from '../../../src/domain/token/remove.ts';
import { retireVppUsers } from '../../../src/domain/vpp-user/retire.ts';
import { updateVppUsers } from '../../../src/domain/vpp-user/update.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  callsOf,
  crashAt,
  expectSound,
  failuresOf,
  faultOnce,
  taskOf,
  uIdOf,
  workThroughCrashes,
} from '../license/support.ts';
import { atApple, create, registered, userOf, usersOf } from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(async () => {
  world.simulator.admin.faults.clear();
  world.simulator.admin.clearJournal();
  world.simulator.admin.setOptions({ limits: { maxUsers: 100 } });
  await expectSound(world);
});
afterAll(() => world.close());

const people = (count: number) => Array.from({ length: count }, () => ({}));

/** How many active records the simulator has of these people. */
async function countAtApple(userIds: readonly bigint[]): Promise<number> {
  const uId = await uIdOf(world, token);
  const names = new Set((await usersOf(world, userIds)).map((user) => user.clientUserId));
  return world.simulator.admin
    .users({ uId })
    .filter((user) => names.has(user.clientUserId) && user.status !== 'Retired').length;
}

test('S23 many people go out in calls of maxUsers; when Apple lowers it (9714) the rest is split anew', async () => {
  world.simulator.admin.setOptions({ limits: { maxUsers: 40 } });
  const { taskId, userIds } = await create(world, token, people(100));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ completed: 100n, outcome: 'ALL' });
  expect(await countAtApple(userIds)).toBe(100);
  expect(callsOf(world, 'createUsers').length).toBeGreaterThanOrEqual(3);
});

test('§1.7 a create whose answer never came is compared with the library and nobody is made twice', async () => {
  for (const when of ['before', 'after'] as const) {
    faultOnce(world, { kind: 'reset', when }, 'createUsers');
    const { taskId, userIds } = await create(world, token, people(3));
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 3n, outcome: 'ALL' });
    expect(await countAtApple(userIds)).toBe(3);
    expect(await usersOf(world, userIds)).toMatchObject(people(3).map(() => ({ status: 'REGISTERED' })));
  }
});

test('§1.7 the same for a retirement and a change', async () => {
  const [leaver, mover] = (await registered(world, token, 2)) as [bigint, bigint];
  faultOnce(world, { kind: 'reset', when: 'after' }, 'retireUsers');
  faultOnce(world, { kind: 'reset', when: 'after' }, 'updateUsers');
  await retireVppUsers(world.admin, { vppUserIds: [leaver] });
  await updateVppUsers(world.admin, { users: [{ vppUserId: mover, email: 'new@example.org' }] });
  await world.settle();
  expect(await userOf(world, leaver)).toMatchObject({ status: 'RETIRED', retiring: false });
  expect(await userOf(world, mover)).toMatchObject({ status: 'REGISTERED', email: 'new@example.org' });
  expect(callsOf(world, 'retireUsers')).toHaveLength(1);
});

test('S23 9716: a person who exists already is as they were wanted', async () => {
  const { taskId, userIds } = await create(world, token, people(2));
  const { clientUserId } = await userOf(world, userIds[0]!);
  world.simulator.admin.setUser({
    uId: await uIdOf(world, token),
    clientUserId,
    status: 'Registered',
    inviteCode: 'c0de',
  });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ completed: 2n, failed: 0n, outcome: 'ALL' });
});

test('S23 9635 and 9641 fail by person with their codes; the others are made; a retry tries those again', async () => {
  await create(world, token, [{ managedAppleId: 'gus@riverbend.example' }]);
  await world.settle();
  const { taskId, userIds } = await create(world, token, [
    {},
    { managedAppleId: 'hugo@elsewhere.example' },
    { managedAppleId: 'gus@riverbend.example' },
  ]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ completed: 1n, failed: 2n, outcome: 'SOME' });
  const failures = await failuresOf(world, taskId);
  expect(failures.map((one) => [one.code, one.appleErrorNumber, one.vppUserId]).sort()).toEqual([
    ['ACCOUNT_ALREADY_LINKED', 9641, userIds[2]],
    ['ACCOUNT_NOT_LINKABLE', 9635, userIds[1]],
  ]);
  expect(await usersOf(world, userIds)).toMatchObject([
    { status: 'REGISTERED' },
    { status: 'REFUSED' },
    { status: 'REFUSED' },
  ]);
  world.simulator.admin.setOptions({ foreignManagedAppleId: 'invite' });
  const again = await retryTask(world.admin, { taskId });
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ requested: 2n, completed: 1n, failed: 1n, retryOf: taskId });
  world.simulator.admin.setOptions({ foreignManagedAppleId: 'failure' });
});

test('S23 9717 names nobody: the call is halved until the one is found, and only they fail', async () => {
  // Russet refuses what is no address at all; Apple may know more.
  world.simulator.admin.setOptions({ limits: { maxUsers: 100 } });
  faultOnce(world, { kind: 'error', errorNumber: 9717, status: 400 }, 'createUsers', 4);
  const { taskId } = await create(world, token, people(8));
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ completed: 7n, failed: 1n, outcome: 'SOME' });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'INVALID_EMAIL', appleErrorNumber: 9717 }]);
});

test('S23 9609: who is gone at Apple can not be changed, and counts as retired', async () => {
  const [gone] = (await registered(world, token, 1)) as [bigint];
  const { clientUserId } = await userOf(world, gone);
  world.simulator.admin.setUser({ uId: await uIdOf(world, token), clientUserId, status: 'Retired' });
  const { taskIds } = await updateVppUsers(world.admin, { users: [{ vppUserId: gone, email: 'x@example.org' }] });
  await world.settle();
  expect(await failuresOf(world, taskIds[0]!)).toMatchObject([{ code: 'UNKNOWN_USER', appleErrorNumber: 9609 }]);
  expect(await userOf(world, gone)).toMatchObject({ status: 'RETIRED' });
});

const points: Failpoint[] = ['claimed', 'before-call', 'after-call', 'polling', 'settling', 'done'];
test.each(points)('§1.7 a worker that dies at %s loses nobody and makes nobody twice', async (point) => {
  const crashed = crashAt(world, point);
  const { taskId, userIds } = await create(world, token, people(3));
  await workThroughCrashes(world);
  expect(crashed()).toBe(true);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 3n, failed: 0n });
  expect(await countAtApple(userIds)).toBe(3);
});

test('§2.4 a cancel stops who was not sent, and settles who was', async () => {
  const { taskId, userIds } = await create(world, token, people(2));
  await cancelTask(world.admin, { taskId });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', failed: 2n });
  expect(await usersOf(world, userIds)).toMatchObject([{ status: 'REFUSED' }, { status: 'REFUSED' }]);
  expect(await countAtApple(userIds)).toBe(0);
});

test('a token that is removed ends what it was to write of people', async () => {
  const mine = await world.library('district');
  const { taskId } = await create(world, mine, people(2));
  await removeToken(world.admin, { tokenId: mine, confirm: true });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'FAILED', failed: 2n });
  expect(await failuresOf(world, taskId)).toMatchObject([{ code: 'TOKEN_REMOVED' }, { code: 'TOKEN_REMOVED' }]);
  await world.clock.advance(1_000);
  const revived = await world.library('district');
  expect(revived).toBe(mine);
  expect(await atApple(world, mine, 'nobody')).toEqual([]);
});
