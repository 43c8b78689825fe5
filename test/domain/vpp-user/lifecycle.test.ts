/** People from their creation to their retirement, against the simulator on a real socket. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { readInvitations } from '../../../src/domain/vpp-user/invitation.ts';
import { inviteVppUsers } from '../../../src/domain/vpp-user/invite.ts';
import { retireVppUsers } from '../../../src/domain/vpp-user/retire.ts';
import { updateVppUsers } from '../../../src/domain/vpp-user/update.ts';
import { createWorld, type World } from '../../support/world.ts';
import { callsOf, expectSound, failuresOf, giveApp, liveOf, poolOf, taskOf } from '../license/support.ts';
import { associateUsers, atApple, book, codeOf, create, giveBook, registered, userOf } from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

const retire = async (vppUserIds: bigint[]) => (await retireVppUsers(world.admin, { vppUserIds })).taskIds[0]!;
const sync = async () => {
  await syncLicenses(world.admin, { tokenIds: [token] });
  await world.settle();
};

test('S23 a user is REQUESTED, then REGISTERED with an invitation, then ASSOCIATED, then RETIRED', async () => {
  const { taskId, userIds } = await create(world, token, [{ email: 'a@example.org', name: 'Ada', externalId: 'hr-1' }]);
  const [id] = userIds as [bigint];
  expect(await userOf(world, id)).toMatchObject({ status: 'REQUESTED', email: 'a@example.org', name: 'Ada' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ kind: 'CREATE_USERS', state: 'SUCCEEDED', outcome: 'ALL' });
  const user = await userOf(world, id);
  expect(user).toMatchObject({ status: 'REGISTERED', idHash: null, email: 'a@example.org', externalId: 'hr-1' });
  expect(user.clientUserId).toMatch(/^[0-9a-f-]{36}$/);

  world.simulator.admin.acceptInvitation({ inviteCode: await codeOf(world, id), account: 'ada@icloud.example' });
  await sync();
  expect(await userOf(world, id)).toMatchObject({ status: 'ASSOCIATED', inviteJwe: null, idHash: expect.any(String) });

  const retirement = await retire([id]);
  expect(await userOf(world, id)).toMatchObject({ retiring: true });
  await world.settle();
  expect(await taskOf(world, retirement)).toMatchObject({ kind: 'RETIRE_USERS', state: 'SUCCEEDED', outcome: 'ALL' });
  expect(await userOf(world, id)).toMatchObject({ status: 'RETIRED', retiring: false });
});

test("S23 a managed Apple Account of the token's organization is associated at once, without an invitation", async () => {
  const { userIds } = await create(world, token, [{ managedAppleId: 'berta@riverbend.example' }]);
  await world.settle();
  expect(await userOf(world, userIds[0]!)).toMatchObject({ status: 'ASSOCIATED', inviteJwe: null });
});

test('S23 the invitation is a link from the template with the code, and is sent again as often as needed', async () => {
  const [id] = (await registered(world, token, 1)) as [bigint];
  const [inviteCode] = (await atApple(world, token, (await userOf(world, id)).clientUserId)).map(
    (one) => one.inviteCode,
  );
  const [first] = await readInvitations(world.services, world.organizationId, [id]);
  expect(first).toEqual({
    code: inviteCode,
    url: `${world.simulator.url}/invitation?inviteCode=${inviteCode}&mt=8`,
    sentAt: null,
    times: 0,
  });
  await inviteVppUsers(world.admin, { vppUserIds: [id] });
  const sentAt = world.clock.now();
  await world.clock.advance(60_000);
  expect(await readInvitations(world.services, world.organizationId, [id])).toMatchObject([{ sentAt, times: 1 }]);
  await inviteVppUsers(world.admin, { vppUserIds: [id] });
  expect(await readInvitations(world.services, world.organizationId, [id])).toMatchObject([
    { code: inviteCode, sentAt: world.clock.now(), times: 2 },
  ]);
  const row = await userOf(world, id);
  expect(JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
    inviteCode,
  );
});

test('S23 who has no open invitation is skipped with where they stand', async () => {
  const { userIds } = await create(world, token, [{}, { managedAppleId: 'carl@riverbend.example' }]);
  const early = await inviteVppUsers(world.admin, { vppUserIds: userIds });
  expect(early).toMatchObject({ vppUserIds: [], skipped: [{ status: 'REQUESTED' }, { status: 'REQUESTED' }] });
  await world.settle();
  const later = await inviteVppUsers(world.admin, { vppUserIds: userIds });
  expect(later).toEqual({ vppUserIds: [userIds[0]], skipped: [{ vppUserId: userIds[1], status: 'ASSOCIATED' }] });
});

test('S48 S50 retiring a user takes every license back first, and the seats can be given to another user', async () => {
  const apps = [await giveApp(world, token, { total: 1 }), await giveApp(world, token, { total: 5 })] as const;
  const [leaver, other] = (await registered(world, token, 2)) as [bigint, bigint];
  for (const app of apps) await associateUsers(world, app, [leaver]);
  await world.settle();
  expect(await poolOf(world, apps[0])).toMatchObject({ held: 1n, total: 1n });
  world.simulator.admin.clearJournal();

  const taskId = await retire([leaver]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ requested: 3n, completed: 3n, failed: 0n, outcome: 'ALL' });
  const order = world.simulator.admin
    .journal({ limit: 1000 })
    .map((entry) => entry.operation)
    .filter((operation) => operation === 'disassociateAssets' || operation === 'retireUsers');
  expect(order).toEqual(['disassociateAssets', 'retireUsers']);
  for (const app of apps) {
    expect(await liveOf(world, app)).toEqual([]);
    expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n, appleAssigned: 0n });
  }
  await associateUsers(world, apps[0], [other]);
  await world.settle();
  expect(await liveOf(world, apps[0])).toMatchObject([{ vppUserId: other, state: 'CONFIRMED' }]);
});

test('S48 a book stays spent when its reader is retired; everything else comes back', async () => {
  const [app, novel] = [await giveApp(world, token), await giveApp(world, token, { ...book, total: 3 })];
  const [id] = (await registered(world, token, 1)) as [bigint];
  await associateUsers(world, app, [id]);
  await giveBook(world, novel, [id]);
  await world.settle();
  const taskId = await retire([id]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 2n });
  expect(await poolOf(world, app)).toMatchObject({ held: 0n });
  expect(await poolOf(world, novel)).toMatchObject({ held: 1n });
  expect(await liveOf(world, novel)).toMatchObject([{ vppUserId: id, state: 'CONFIRMED' }]);
});

test('S48 a license that Apple does not take back keeps its holder from being retired, and a retry does the rest', async () => {
  const app = await giveApp(world, token);
  const [id] = (await registered(world, token, 1)) as [bigint];
  await associateUsers(world, app, [id]);
  await world.settle();
  const { clientUserId } = await userOf(world, id);
  world.simulator.admin.faults.add({
    match: { operation: 'disassociateAssets', times: 1 },
    fault: { kind: 'event', plan: { failTargets: [clientUserId], errorNumber: 9610 } },
  });
  const taskId = await retire([id]);
  await world.settle();
  expect(await failuresOf(world, taskId)).toMatchObject([
    { code: 'APPLE_9610', vppUserId: id },
    { code: 'LICENSES_NOT_REVOKED', vppUserId: id, clientUserId },
  ]);
  expect(await userOf(world, id)).toMatchObject({ status: 'REGISTERED', retiring: false });
  expect(callsOf(world, 'retireUsers').length).toBeGreaterThan(0);
  await retire([id]);
  await world.settle();
  expect(await userOf(world, id)).toMatchObject({ status: 'RETIRED' });
  expect(await liveOf(world, app)).toEqual([]);
});

test('a change of e-mail and account is told to Apple; our own words are not', async () => {
  const [id] = (await registered(world, token, 1)) as [bigint];
  world.simulator.admin.clearJournal();
  const local = await updateVppUsers(world.admin, { users: [{ vppUserId: id, name: 'Dora', externalId: 'x' }] });
  expect(local.taskIds).toEqual([]);
  await world.settle();
  expect(callsOf(world, 'updateUsers')).toHaveLength(0);
  await updateVppUsers(world.admin, {
    users: [{ vppUserId: id, email: 'dora@example.org', managedAppleId: 'dora@riverbend.example', externalId: null }],
  });
  await world.settle();
  expect(await userOf(world, id)).toMatchObject({
    name: 'Dora',
    externalId: null,
    email: 'dora@example.org',
    managedAppleId: 'dora@riverbend.example',
    status: 'ASSOCIATED',
  });
});

test('S23 the records of one clientUserId are kept: retired, made anew elsewhere, and retired again', async () => {
  const [id] = (await registered(world, token, 1)) as [bigint];
  const { clientUserId } = await userOf(world, id);
  world.simulator.admin.acceptInvitation({ inviteCode: await codeOf(world, id), account: 'emil@icloud.example' });
  await retire([id]);
  await world.settle();
  const apple = world.services.apple;
  const credential = world.simulator.admin.tokenFile('own');
  await apple.createUsers(credential, [{ clientUserId }]);
  await world.clock.advance(60_000);
  await sync();
  expect(await userOf(world, id)).toMatchObject({ status: 'REGISTERED', idHash: null });
  const records = await world.database.prisma.vppUserRecord.findMany({ where: { userId: id }, orderBy: { id: 'asc' } });
  expect(records).toMatchObject([
    { status: 'RETIRED', idHash: expect.any(String) },
    { status: 'REGISTERED', idHash: null },
  ]);
});

test('S23 a sync reads everybody once, and then only what changed', async () => {
  await sync();
  world.simulator.admin.clearJournal();
  await sync();
  const { usersVersion } = await world.database.prisma.tokenSync.findFirstOrThrow({ where: { tokenId: token } });
  expect(callsOf(world, 'getUsers')).toMatchObject([{ query: { sinceVersionId: usersVersion } }]);
});
