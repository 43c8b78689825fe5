/** Licenses of people: the same seats and books as those of devices. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ConfirmationRequiredError } from '../../../src/domain/errors.ts';
import { assignBooks } from '../../../src/domain/license/assign-books.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  failuresOf,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  poolOf,
  readAsset,
  taskOf,
  uIdOf,
} from '../license/support.ts';
import { associateUsers, book, codeOf, create, giveBook, registered, userOf } from './support.ts';

let world: World;
let token: bigint;
let other: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
  other = await world.library('district');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

const revokeUsers = (app: { id: bigint }, vppUserIds: bigint[]) =>
  revokeLicenses(world.admin, { appIds: [app.id], target: { vppUserIds } });

test('S5 a user with a device of iOS 8 gets a user license, where the device itself is refused', async () => {
  const app = await giveApp(world, token);
  const [device] = (await makeDevices(world, 1, { osVersion: '8.4.1' })) as [bigint];
  await expect(associate(world, app, [device])).rejects.toMatchObject({ code: 'OS_TOO_OLD' });
  const [user] = (await registered(world, token, 1)) as [bigint];
  const taskId = await associateUsers(world, app, [user]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 1n });
  expect(await holdersAtApple(world, token, app)).toEqual([(await userOf(world, user)).clientUserId]);
});

test('S30 an app that no device can have can be given to a user', async () => {
  const app = await giveApp(world, token, { deviceAssignable: false });
  await expect(associate(world, app, await makeDevices(world, 1))).rejects.toMatchObject({
    code: 'NOT_DEVICE_ASSIGNABLE',
  });
  await associateUsers(world, app, await registered(world, token, 1));
  await world.settle();
  expect(await poolOf(world, app)).toMatchObject({ held: 1n, reserved: 0n });
});

test('S22 a device license holds no user; a user license is bound to the account of its user, to no device', async () => {
  const app = await giveApp(world, token);
  const [device] = (await makeDevices(world, 1)) as [bigint];
  const [user] = (await registered(world, token, 1)) as [bigint];
  await associate(world, app, [device]);
  await associateUsers(world, app, [user]);
  await world.settle();
  expect(await liveOf(world, app)).toMatchObject([
    { deviceId: device, vppUserId: null, clientUserId: null },
    { deviceId: null, serialNumber: null, vppUserId: user },
  ]);
  world.simulator.admin.acceptInvitation({ inviteCode: await codeOf(world, user), account: 'frida@icloud.example' });
});

test('S24 one license serves the three devices of its user and counts one used, however often it is asked for', async () => {
  const app = await giveApp(world, token, { total: 10 });
  const [user] = (await registered(world, token, 1)) as [bigint];
  // Each of the person's devices asks for the app in their name.
  await associateUsers(world, app, [user]);
  for (let device = 2; device <= 3; device++) {
    await expect(associateUsers(world, app, [user])).rejects.toMatchObject({ code: 'ALREADY_LICENSED' });
    await world.settle();
  }
  expect(await poolOf(world, app)).toMatchObject({ held: 1n, reserved: 0n, total: 10n });
  await readAsset(world, token, app.adamId);
  expect(await poolOf(world, app)).toMatchObject({ held: 1n, appleAssigned: 1n });
});

test('S44 S45 many users get apps in few calls, and give one back: available and used follow', async () => {
  const apps = [await giveApp(world, token, { total: 40 }), await giveApp(world, token, { total: 40 })] as const;
  const users = await registered(world, token, 30);
  world.simulator.admin.clearJournal();
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: apps.map((app) => app.id),
    target: { vppUserIds: users },
  });
  expect(await poolOf(world, apps[0])).toMatchObject({ reserved: 30n });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 60n, completed: 60n, outcome: 'ALL' });
  expect(world.simulator.admin.journal({ operation: 'associateAssets', limit: 100 })).toHaveLength(1);
  expect(await poolOf(world, apps[0])).toMatchObject({ held: 30n, reserved: 0n });

  await revokeUsers(apps[0], users.slice(0, 10));
  await world.settle();
  expect(await poolOf(world, apps[0])).toMatchObject({ held: 20n });
  expect(await poolOf(world, apps[1])).toMatchObject({ held: 30n });
  expect(await holdersAtApple(world, token, apps[0])).toHaveLength(20);
});

test('S45 a book can not be taken back', async () => {
  const novel = await giveApp(world, token, book);
  const users = await registered(world, token, 1);
  await giveBook(world, novel, users);
  await world.settle();
  await expect(revokeUsers(novel, users)).rejects.toMatchObject({ code: 'NOT_REVOCABLE' });
});

test('S44 a book is spent only when that was confirmed; without it nothing happens and the loss is named', async () => {
  const novel = await giveApp(world, token, { ...book, total: 5 });
  const users = await registered(world, token, 3);
  await giveBook(world, novel, users.slice(0, 1));
  await world.settle();
  const asked = { appIds: [novel.id], vppUserIds: users };
  const refusal = await assignBooks(world.admin, asked).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConfirmationRequiredError);
  expect(refusal).toMatchObject({ licenses: 2, spending: [{ appId: novel.id, licenses: 2 }] });
  await expect(associateUsers(world, novel, users)).rejects.toMatchObject({ code: 'CONFIRMATION_REQUIRED' });
  expect(await poolOf(world, novel)).toMatchObject({ held: 1n, reserved: 0n });
  const { taskIds } = await assignBooks(world.admin, { ...asked, confirmIrrevocable: true });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ requested: 3n, completed: 2n, failed: 1n });
  expect(await failuresOf(world, taskIds[0]!)).toMatchObject([{ code: 'ALREADY_LICENSED', vppUserId: users[0] }]);
});

test('S44 an app that can be taken back is not given by assignBooks', async () => {
  const app = await giveApp(world, token);
  const vppUserIds = await registered(world, token, 1);
  await expect(
    assignBooks(world.admin, { appIds: [app.id], vppUserIds, confirmIrrevocable: true }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT', inputPath: ['appIds'] });
});

test('S76 a user gets licenses from the token whose library they are in, whatever others have', async () => {
  const app = await giveApp(world, other, { total: 5 });
  const [user] = (await registered(world, token, 1)) as [bigint];
  await expect(associateUsers(world, app, [user])).rejects.toMatchObject({
    code: 'NO_TOKEN_FOR_APP',
    skipped: [{ tokenId: token, reason: 'APP_NOT_HELD' }],
  });
  await giveApp(world, token, { adamId: app.adamId, total: 1 });
  await associateUsers(world, app, [user]);
  await world.settle();
  expect(await liveOf(world, app)).toMatchObject([{ tokenId: token, allocation: { reason: 'TOKEN_OF_USER' } }]);
  await expect(
    associateLicenses(world.admin, { appIds: [app.id], target: { vppUserIds: [user] }, tokenId: other }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT', inputPath: ['tokenId'] });
});

test('S46 more users than seats: typed refusal, or with SKIP_FAILED the rest as failures that can be retried', async () => {
  const app = await giveApp(world, token, { total: 2 });
  const users = await registered(world, token, 3);
  await expect(associateUsers(world, app, users)).rejects.toMatchObject({
    code: 'NO_LICENSES_AVAILABLE',
    available: 2n,
    requested: 3,
  });
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [app.id],
    target: { vppUserIds: users },
    onError: 'SKIP_FAILED',
  });
  await world.settle();
  expect(await taskOf(world, taskIds[0]!)).toMatchObject({ completed: 2n, failed: 1n, outcome: 'SOME' });
  world.simulator.admin.setAsset({ uId: await uIdOf(world, token), adamId: app.adamId, total: 3 });
  await readAsset(world, token, app.adamId);
  const again = await retryTask(world.admin, { taskId: taskIds[0]! });
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ requested: 1n, completed: 1n, outcome: 'ALL' });
  expect(await poolOf(world, app)).toMatchObject({ held: 3n });
});

test('S23 nobody gets a license before Apple has them, or while they are being retired', async () => {
  const app = await giveApp(world, token);
  const { userIds } = await create(world, token, [{}]);
  await expect(associateUsers(world, app, userIds)).rejects.toMatchObject({
    code: 'USER_NOT_ACTIVE',
    status: 'REQUESTED',
  });
  await world.settle();
});
