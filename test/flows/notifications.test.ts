/** Writes that Apple's notifications settle, in any order, torn, doubled, lost; and what others did. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { applyNotifications } from '../../src/domain/notification/apply.ts';
import { Prisma } from '../../src/generated/prisma/client.ts';
import type { NotificationBody } from '../../src/simulator/index.ts';
import {
  associate,
  callsOf,
  eventFault,
  expectSound,
  failuresOf,
  faultOnce,
  giveApp,
  liveOf,
  makeDevices,
  poolOf,
  revoke,
  type TestApp,
  taskOf,
  uIdOf,
} from '../domain/license/support.ts';
import { createLiveWorld, type LiveWorld } from '../support/webhooks.ts';

let world: LiveWorld;
let token: bigint;
let uId: string;
beforeAll(async () => {
  world = await createLiveWorld({ settings: { firstPollWhenLive: 300_000, pollEvery: 30_000 } });
  token = await world.library('own');
  uId = await uIdOf(world, token);
  await world.work();
});
afterEach(async () => {
  world.simulator.admin.faults.clear();
  world.simulator.admin.resumeDeliveries();
  await world.simulator.admin.deliver();
  await world.settle(30_000);
  world.simulator.admin.clearJournal();
  world.simulator.admin.clearDeliveries();
  await world.database.prisma.tokenWebhook.updateMany({ data: { secondManager: Prisma.DbNull } });
  await expectSound(world);
});
afterAll(() => world.close());

const webhook = () => world.database.prisma.tokenWebhook.findFirstOrThrow({ where: { tokenId: token } });
const polls = () => callsOf(world, 'eventStatus').length;
const lines = async (app: TestApp) => {
  const ledger = await world.database.prisma.ledger.findMany({
    where: { poolId: (await poolOf(world, app)).id },
    orderBy: { id: 'asc' },
  });
  return ledger.map((line) => line.kind).sort();
};
const outcomes = async () =>
  (await world.database.prisma.notification.findMany({ orderBy: { id: 'asc' } })).map((row) => row.outcome);

/** Sends the write and lets Apple do all of it; its notifications are withheld. */
async function doneAtApple(): Promise<NotificationBody[]> {
  world.simulator.admin.pauseDeliveries();
  await world.work();
  await world.clock.advance(5_000);
  const bodies = world.withheld();
  world.simulator.admin.dropDeliveries({
    numbers: world.simulator.admin.deliveries({ state: 'waiting' }).map(({ n }) => n),
  });
  world.simulator.admin.resumeDeliveries();
  return bodies;
}

const event = (action: string, items: object[], more: object = {}): NotificationBody => ({
  notification: { eventId: randomUUID(), type: action, result: 'SUCCESS', assignments: items, ...more },
  notificationId: randomUUID(),
  notificationType: 'ASSET_MANAGEMENT',
  uId,
});

test('F2 an upload registers the webhook: Apple tests it, and the token is live', async () => {
  const { registeredUrl, webhookId, problem } = await webhook();
  expect(registeredUrl).toBe(`${world.publicUrl}/apple/notifications/${webhookId}`);
  expect(problem).toBeNull();
  expect(world.simulator.admin.truth({ uId }).notificationUrl).toBe(registeredUrl);
  expect(await outcomes()).toContain('TEST');
});

test('F2 notifications settle a write before anybody polls', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 25));
  await world.work();
  await world.clock.advance(1_000);
  await world.hear();
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'SUCCEEDED',
    outcome: 'ALL',
    completed: 25n,
    reported: 0n,
  });
  expect(await poolOf(world, app)).toMatchObject({ held: 25n, reserved: 0n });
  expect(polls()).toBe(0);
  expect(await world.database.prisma.appleCall.count({ where: { taskId, state: 'SETTLED' } })).toBe(1);
});

test('F2 all of them lost: the status is asked for after five minutes and settles everything', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 8));
  expect(await doneAtApple()).not.toHaveLength(0);
  await world.clock.advance(290_000);
  await world.work();
  expect(polls()).toBe(0);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'RUNNING', completed: 0n });
  await world.clock.advance(10_000);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 8n });
  expect(polls()).toBe(1);
});

test('F3 each one three times, under new ids too, and in reverse: the same state and the same ledger', async () => {
  world.simulator.admin.setOptions({ notificationRowsMax: 5 });
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 23);
  const taskId = await associate(world, app, devices);
  const given = await doneAtApple();
  expect(given).toHaveLength(5);
  const thrice = (bodies: NotificationBody[]) =>
    bodies.flatMap((body) => [body, body, { ...body, notificationId: randomUUID() }]).reverse();
  for (const body of thrice(given)) expect(await world.post(token, body)).toBe(204);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 23n });
  const revokeId = await revoke(world, app, devices.slice(0, 10));
  const taken = await doneAtApple();
  // Old news of the gift come once more, between those of the revoke.
  for (const body of [...thrice(taken), ...thrice(given)].sort(() => 0.5 - Math.random()))
    await world.post(token, body);
  await world.work();
  expect(await taskOf(world, revokeId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 10n });
  expect(await lines(app)).toEqual(
    [
      ...['REQUEST', 'SEND', 'CONFIRM'].flatMap((kind) => Array<string>(23).fill(kind)),
      ...['REQUEST_REVOKE', 'SEND_REVOKE', 'REVOKE'].flatMap((kind) => Array<string>(10).fill(kind)),
    ].sort(),
  );
  expect(await poolOf(world, app)).toMatchObject({ held: 13n, reserved: 0n });
  expect(polls()).toBe(0);
  world.simulator.admin.setOptions({ notificationRowsMax: 100 });
});

test('F3 torn into pieces of one item, and some lost: what is told counts at once, the poll settles the rest', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 6));
  const [whole] = await doneAtApple();
  const { assignments, ...rest } = whole!.notification as { assignments: object[] };
  for (const item of assignments.slice(2)) {
    const piece = { ...whole!, notificationId: randomUUID(), notification: { ...rest, assignments: [item] } };
    await world.post(token, piece);
  }
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'RUNNING', completed: 4n });
  expect((await liveOf(world, app)).map((license) => license.state).sort()).toEqual([
    ...Array<string>(4).fill('CONFIRMED'),
    ...Array<string>(2).fill('PENDING_AT_APPLE'),
  ]);
  await world.clock.advance(300_000);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 6n });
});

test('§1.8 a FAILURE fails exactly the items that it names, with Apple’s reason', async () => {
  const apps = [await giveApp(world, token), await giveApp(world, token)];
  const devices = await makeDevices(world, 4);
  const serials = await world.database.prisma.device.findMany({
    where: { id: { in: devices } },
    orderBy: { id: 'asc' },
  });
  const bad = serials[1]!.serialNumber;
  faultOnce(world, eventFault({ failTargets: [bad], errorNumber: 9709 }));
  const taskId = await associate(world, apps, devices);
  await world.work();
  await world.clock.advance(1_000);
  await world.hear();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 6n, failed: 2n });
  expect(await failuresOf(world, taskId)).toMatchObject([
    { code: 'NO_LICENSES_AVAILABLE', appleErrorNumber: 9709, serialNumber: bad },
    { code: 'NO_LICENSES_AVAILABLE', appleErrorNumber: 9709, serialNumber: bad },
  ]);
  expect(polls() + callsOf(world, 'getAssignments').length).toBe(0);
});

test('§1.8 a failure that passes by itself is not told to anybody: the status is asked for, and it is sent again', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, eventFault({ failAfter: 2, errorNumber: 9603 }));
  const taskId = await associate(world, app, await makeDevices(world, 4));
  await world.work();
  await world.clock.advance(1_000);
  await world.hear();
  expect(polls()).toBe(1);
  await world.clock.advance(1_000);
  await world.hear();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 4n, failed: 0n });
});

test('§1.7 Apple tells of a write before its answer is stored: that waits, and is no stranger’s', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  const { apple } = world.services;
  const early: NotificationBody[] = [];
  world.services.apple = {
    ...apple,
    associate: async (...args) => {
      const answer = await apple.associate(...args);
      world.simulator.admin.pauseDeliveries();
      await world.clock.advance(1_000);
      early.push(...world.withheld());
      for (const body of early) await world.post(token, body);
      await applyNow();
      expect(await taskOf(world, taskId)).toMatchObject({ completed: 0n });
      return answer;
    },
  };
  await world.work();
  world.services.apple = apple;
  expect(early).toHaveLength(1);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 3n });
  expect((await webhook()).secondManager).toBeNull();
  expect(callsOf(world, 'getAssignments')).toHaveLength(0);
});

test('§1.7 the answer to a write got lost: its notifications are known by what they name, and nothing is sent twice', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, { kind: 'reset', when: 'after' });
  const taskId = await associate(world, app, await makeDevices(world, 5));
  await world.work();
  expect(await world.database.prisma.appleCall.findFirst({ where: { taskId } })).toMatchObject({
    state: 'UNKNOWN',
    eventId: null,
  });
  await world.clock.advance(1_000);
  await world.hear();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 5n });
  expect((await webhook()).secondManager).toBeNull();
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  expect(callsOf(world, 'getAssignments')).toHaveLength(0);
});

test('§1.7 a write that was compared in the meantime is no stranger’s either when Apple tells of it late', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 5);
  for (const [write, operation] of [
    [associate, 'associateAssets'],
    [revoke, 'disassociateAssets'],
  ] as const) {
    faultOnce(world, { kind: 'reset', when: 'after' }, operation);
    const taskId = await write(world, app, devices);
    const bodies = await doneAtApple();
    await world.clock.advance(60_000);
    await world.work();
    expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', completed: 5n });
    for (const body of bodies) await world.post(token, body);
    await world.work();
  }
  expect((await webhook()).secondManager).toBeNull();
});

test('F7 an event of another manager is shown, and what it names is read again: EXTERNAL, or gone', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const taskId = await associate(world, app, devices);
  await world.work();
  await world.clock.advance(1_000);
  await world.hear();
  expect(await taskOf(world, taskId)).toMatchObject({ completed: 2n });
  const [ours] = await liveOf(world, app);
  const { adamId } = app;
  const stranger = { adamId, serialNumber: 'stranger-1' };
  world.simulator.admin.assign({ uId, ...stranger });
  world.simulator.admin.unassign({ uId, adamId, serialNumber: ours!.serialNumber! });
  const gave = event('ASSOCIATE', [{ ...stranger, pricingParam: 'STDQ' }]);
  await world.post(token, gave);
  await world.work();
  expect((await webhook()).secondManager).toMatchObject({
    eventId: gave.notification.eventId,
    action: 'ASSOCIATE',
    items: 1,
  });
  const took = event('REVOKE', [{ adamId, pricingParam: 'STDQ', serialNumber: ours!.serialNumber }]);
  await world.post(token, took);
  await world.post(token, { ...took, notificationId: 'again' });
  await world.work();
  const licenses = await world.database.prisma.license.findMany({ where: { appId: app.id }, orderBy: { id: 'asc' } });
  expect(licenses.map(({ state, source }) => `${source} ${state}`)).toEqual([
    'RUSSET GONE_AT_APPLE',
    'RUSSET CONFIRMED',
    'EXTERNAL CONFIRMED',
  ]);
  expect((await webhook()).secondManager).toMatchObject({ eventId: took.notification.eventId, action: 'REVOKE' });
  expect(await poolOf(world, app)).toMatchObject({ held: 2n });
});

test('F7 what a stranger’s event claims is not believed: Apple’s list counts', async () => {
  const app = await giveApp(world, token);
  const item = { adamId: app.adamId, pricingParam: 'STDQ', serialNumber: 'NOBODY1' };
  await world.post(token, event('ASSOCIATE', [item]));
  await world.post(token, event('ASSOCIATE', [{ ...item, adamId: '9999999999' }]));
  await world.work();
  expect(await liveOf(world, app)).toEqual([]);
});

test('F7 while Apple does not answer, the named assignments are read later; nothing is lost', async () => {
  const app = await giveApp(world, token);
  world.simulator.admin.assign({ uId, adamId: app.adamId, serialNumber: 'LATER1' });
  faultOnce(world, { kind: 'error', errorNumber: 9603, status: 503 }, 'getAssignments', 2);
  await world.post(token, event('ASSOCIATE', [{ adamId: app.adamId, pricingParam: 'STDQ', serialNumber: 'LATER1' }]));
  await world.work();
  expect(await liveOf(world, app)).toEqual([]);
  for (let round = 0; round < 4; round++) {
    await world.clock.advance(15_000);
    await world.work();
  }
  expect(await liveOf(world, app)).toMatchObject([{ source: 'EXTERNAL', serialNumber: 'LATER1' }]);
});

test('§1.4 F3 a purchase is read, not added up: at 0, 5, 30, 120 and 600 s until the numbers have moved', async () => {
  const app = await giveApp(world, token, { total: 10 });
  world.simulator.admin.setOptions({ countLagSeconds: 20 });
  world.simulator.admin.purchase({ uId, adamId: app.adamId, count: 25 });
  world.simulator.admin.clearJournal();
  await world.clock.advance(200);
  await world.hear();
  expect(await poolOf(world, app)).toMatchObject({ total: 10n });
  expect(callsOf(world, 'getAssets')).toHaveLength(1);
  await world.clock.advance(5_000);
  await world.work();
  expect(callsOf(world, 'getAssets')).toHaveLength(2);
  expect(await poolOf(world, app)).toMatchObject({ total: 10n });
  await world.clock.advance(25_000);
  await world.work();
  expect(await poolOf(world, app)).toMatchObject({ total: 35n });
  expect(await world.database.prisma.assetHint.count()).toBe(0);
  world.simulator.admin.setOptions({ countLagSeconds: 0 });
});

test('§1.4 a count that is told and never shows is read five times, whatever it says', async () => {
  const app = await giveApp(world, token, { total: 10 });
  const body = {
    notification: { adamId: app.adamId, pricingParam: 'STDQ', countDelta: -2_000_000 },
    notificationId: randomUUID(),
    notificationType: 'ASSET_COUNT',
    uId,
  };
  world.simulator.admin.clearJournal();
  await world.post(token, body);
  for (const wait of [0, 5_000, 25_000, 90_000, 480_000, 3_600_000]) {
    await world.clock.advance(wait);
    await world.work();
  }
  expect(callsOf(world, 'getAssets')).toHaveLength(5);
  expect(await poolOf(world, app)).toMatchObject({ total: 10n });
});

test('S23 news of VPP users reach them, never lead back to an earlier status, and leave no code of an invitation behind', async () => {
  const { prisma } = world.database;
  const at = world.clock.now();
  const users = { organizationId: world.organizationId, tokenId: token };
  await prisma.vppUser.create({
    data: { ...users, clientUserId: 'u-news', status: 'REGISTERED', createdAt: at, updatedAt: at },
  });
  const told = (type: string, notification: object): NotificationBody => ({
    notification: { ...notification },
    notificationId: randomUUID(),
    notificationType: type,
    uId,
  });
  const user = { clientUserId: 'u-news', email: 'a@example.com' };
  const joined = { ...user, idHash: 'AAECAwQFBgcICQoLDA0ODxAREhM=', status: 'Associated', inviteCode: '0'.repeat(32) };
  await world.post(
    token,
    told('USER_ASSOCIATED', { associatedUsers: [joined, { ...joined, clientUserId: 'nobody' }] }),
  );
  await world.work();
  const created = { eventId: randomUUID(), type: 'CREATE', users: [{ ...user, status: 'Registered' }] };
  await world.post(token, told('USER_MANAGEMENT', { ...created, result: 'SUCCESS' }));
  // Neither of these is applied, and neither keeps a code.
  const odd = { ...created, result: 'SOMETIMES', users: [joined] };
  await world.post(token, told('USER_MANAGEMENT', odd));
  await world.post(token, { ...told('USER_ASSOCIATED', { associatedUsers: [joined] }), uId: '42' });
  const failed = { eventId: randomUUID(), type: 'RETIRE', users: [{ ...user, status: 'Retired' }] };
  await world.post(token, told('USER_MANAGEMENT', { ...failed, result: 'FAILURE', error: { errorNumber: 9609 } }));
  await world.work();
  expect(await prisma.vppUser.findFirst({ where: { clientUserId: 'u-news' } })).toMatchObject({
    status: 'ASSOCIATED',
    email: 'a@example.com',
    idHash: joined.idHash,
  });
  expect(await prisma.vppUser.count({ where: { clientUserId: 'nobody' } })).toBe(1);
  expect(await prisma.notification.count({ where: { body: { contains: joined.inviteCode } } })).toBe(0);
});

test('F3 unknown kinds, unknown shapes and other libraries are stored, taken and passed over', async () => {
  const { id: last } = await world.database.prisma.notification.findFirstOrThrow({ orderBy: { id: 'desc' } });
  const base = { notification: {}, notificationId: randomUUID(), uId };
  for (const body of [
    { ...base, notificationType: 'UNLIMITED_ASSET' },
    { ...base, notificationType: 'toString' },
    { ...base, notificationType: 'ASSET_COUNT', notification: { adamId: {} } },
    { ...base, notificationType: 'ASSET_COUNT', uId: '42' },
    { ...base, notificationType: 'ASSET_COUNT', notification: { adamId: 'a\u0000b' }, notificationId: 'z\u0000z' },
  ]) {
    expect(await world.post(token, body)).toBe(204);
  }
  await world.work();
  const rows = await world.database.prisma.notification.findMany({
    where: { id: { gt: last } },
    orderBy: { id: 'asc' },
  });
  expect(rows.map((row) => row.outcome)).toEqual(['IGNORED', 'IGNORED', 'UNREADABLE', 'OTHER_LIBRARY', 'READ_AGAIN']);
});

async function applyNow(): Promise<void> {
  await applyNotifications(world.services, { organizationId: world.organizationId, tokenId: token }, 'test');
}
