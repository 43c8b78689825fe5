/** How a token's notifications come to be live, and why they are not. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { webhookSecret } from '../../src/domain/notification/address.ts';
import { rotateWebhook } from '../../src/domain/notification/rotate.ts';
import { notificationsState } from '../../src/domain/notification/state.ts';
import { claimToken } from '../../src/domain/token/claim.ts';
import { removeToken } from '../../src/domain/token/remove.ts';
import { renewToken } from '../../src/domain/token/renew.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { dueWork } from '../../src/domain/work/due.ts';
import { prune } from '../../src/domain/work/prune.ts';
import { callsOf, faultOnce, uIdOf } from '../domain/license/support.ts';
import { createLiveWorld, type LiveWorld } from '../support/webhooks.ts';

const hour = 3_600_000;
let world: LiveWorld;
let token: bigint;
let uId: string;
beforeAll(async () => {
  world = await createLiveWorld();
  token = await world.library('own');
  uId = await uIdOf(world, token);
});
afterEach(async () => {
  world.services.settings.publicUrl = world.publicUrl;
  world.simulator.admin.faults.clear();
  await world.work();
  world.simulator.admin.clearJournal();
});
afterAll(() => world.close());

/** Writes to Apple as another server does that has the token too. */
async function configure(body: object, token = 'own'): Promise<void> {
  const text = world.simulator.admin.tokenFile(token);
  await fetch(`${world.simulator.url}/mdm/v2/client/config`, {
    method: 'POST',
    headers: { authorization: `Bearer ${text}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
const webhook = () => world.database.prisma.tokenWebhook.findFirstOrThrow({ where: { tokenId: token } });
const atApple = () => world.simulator.admin.truth({ uId }).notificationUrl;
const posts = () => callsOf(world, 'setClientConfig').length;
async function shown() {
  const row = await world.database.prisma.token.findFirstOrThrow({ where: { id: token } });
  const facts = await webhook();
  const problem = facts.problem as Parameters<typeof notificationsState>[0]['problem'];
  const { state, reason, message } = notificationsState(
    { ...row, ...facts, problem },
    world.clock.now(),
    world.services.settings,
  );
  return { state, reason, message };
}

test('§1.13 registered it is LIVE; without a public address it is POLLING, Apple is told once to post nothing, and nobody is asked', async () => {
  expect(await shown()).toEqual({ state: 'LIVE', reason: null, message: null });
  world.services.settings.publicUrl = null;
  expect(await shown()).toMatchObject({ state: 'POLLING', reason: 'NO_PUBLIC_URL' });
  world.simulator.admin.clearJournal();
  await world.work();
  expect(posts()).toBe(1);
  expect(await webhook()).toMatchObject({ registeredUrl: null, dueAt: null });
  world.simulator.admin.pauseDeliveries();
  world.simulator.admin.purchase({ uId, adamId: world.simulator.admin.truth({ uId }).assets[0]!.adamId, count: 1 });
  await world.clock.advance(5_000);
  expect(world.withheld()).toEqual([]);
  world.simulator.admin.resumeDeliveries();
  world.simulator.admin.clearJournal();
  await world.clock.advance(2 * hour);
  expect((await dueWork(world.services)).filter((work) => work.name === 'register-webhook')).toEqual([]);
  await world.work();
  expect(posts()).toBe(0);
});

test('F3 an address that does not answer is explained (9728), tried again, and LIVE once it does', async () => {
  world.services.settings.publicUrl = 'http://127.0.0.1:9';
  await world.work();
  expect(await shown()).toMatchObject({ state: 'POLLING', reason: 'UNREACHABLE' });
  expect((await shown()).message).toContain('PUBLIC_URL');
  expect((await webhook()).problem).toMatchObject({ appleErrorNumber: 9728 });
  const before = posts();
  await world.work();
  expect(posts()).toBe(before);
  await world.clock.advance(30_000);
  await world.work();
  expect(posts()).toBe(before + 1);
  world.services.settings.publicUrl = world.publicUrl;
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
  expect(atApple()).toBe((await webhook()).registeredUrl);
});

test('§1.13 another public address is told to Apple by itself, with the same secret nowhere in our tables', async () => {
  const moved = world.publicUrl.replace('127.0.0.1', 'localhost');
  world.services.settings.publicUrl = moved;
  await world.work();
  expect(atApple()).toMatch(new RegExp(`^${moved}/apple/notifications/`));
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('§1.13 what client/config says is looked at every hour; what somebody changed there is set right', async () => {
  await world.clock.advance(hour);
  await world.work();
  expect(posts()).toBe(0);
  const { webhookId } = await webhook();
  await configure({ notificationTypes: ['ASSET_COUNT'] });
  world.simulator.admin.clearJournal();
  await world.clock.advance(hour);
  await world.work();
  expect(posts()).toBe(1);
  expect(atApple()).toContain(webhookId);
});

test('§1.13 a claim that makes Apple forget the rest, and a renewal, lead to a new registration', async () => {
  world.simulator.admin.setOptions({ clientConfigOmitted: 'clear' });
  await claimToken(world.admin, { tokenId: token });
  expect(atApple()).toBeNull();
  await world.work();
  expect(atApple()).toBe((await webhook()).registeredUrl);
  world.simulator.admin.setOptions({ clientConfigOmitted: 'keep' });
  const { dueAt } = await webhook();
  await world.clock.advance(60_000);
  world.simulator.admin.issueToken({
    name: 'own',
    as: 'own-renewed',
    expDate: '2027-11-20T00:00:00Z',
    revokeOlder: true,
  });
  await renewToken(world.admin, { tokenId: token, file: world.simulator.admin.tokenFile('own-renewed') });
  expect((await webhook()).dueAt).not.toEqual(dueAt);
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('F7 a library that somebody else claimed is left alone, his webhook too, until claimToken', async () => {
  const mdmInfo = { id: 'foreign', name: 'Other', metadata: 'other.example' };
  await configure({ mdmInfo, notificationTypes: ['ASSET_COUNT'] }, 'own-renewed');
  world.simulator.admin.clearJournal();
  await world.clock.advance(hour);
  await world.work();
  expect(posts()).toBe(0);
  expect(await shown()).toMatchObject({ state: 'POLLING', reason: 'TOKEN_NOT_USABLE' });
  await claimToken(world.admin, { tokenId: token });
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('S10 a rotated webhook has another address and bearer; the old ones are good until Apple has the new ones, or for a day', async () => {
  const { webhookId: old } = await webhook();
  const body = (id: string) => ({ notification: {}, notificationId: id, notificationType: 'NEW', uId });
  const postOld = async (id: string) => {
    const response = await fetch(`${world.publicUrl}/apple/notifications/${old}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${webhookSecret(world.services, old)}` },
      body: JSON.stringify(body(id)),
    });
    return response.status;
  };
  await expect(
    rotateWebhook(world.as('EMPLOYEE', { scopes: ['licenses:read'] }), { tokenId: token }),
  ).rejects.toThrow();
  await rotateWebhook(world.admin, { tokenId: token });
  await rotateWebhook(world.admin, { tokenId: token });
  const { webhookId } = await webhook();
  expect(webhookId).not.toBe(old);
  expect(await shown()).toMatchObject({ state: 'POLLING', reason: 'NOT_REGISTERED' });
  expect(await postOld('still-old')).toBe(204);
  // Apple goes on refusing the new one: whoever saw the old one does not profit from that for ever.
  const { retiredAt } = await webhook();
  const dayAgo = new Date(retiredAt!.getTime() - 24 * hour);
  await world.database.prisma.tokenWebhook.updateMany({ where: { tokenId: token }, data: { retiredAt: dayAgo } });
  expect(await postOld('a-day-later')).toBe(403);
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
  expect(atApple()).toContain(webhookId);
  expect(await postOld('too-late')).toBe(403);
  expect(await world.post(token, body('new'))).toBe(204);
  const entry = await world.database.prisma.auditEntry.findFirstOrThrow({ orderBy: { id: 'desc' } });
  expect(entry).toMatchObject({ action: 'token.rotate-webhook', subject: `token:${token}` });
});

test('§14 where Apple does not know the kinds about seats, the others are registered', async () => {
  await configure({ notificationTypes: ['ASSET_COUNT'] }, 'own-renewed');
  world.simulator.admin.clearJournal();
  faultOnce(world, { kind: 'error', errorNumber: 9602 }, 'setClientConfig');
  await world.clock.advance(hour);
  await world.work();
  expect(posts()).toBe(2);
  expect(await shown()).toMatchObject({ state: 'LIVE' });
  const answer = await fetch(`${world.simulator.url}/mdm/v2/client/config`, {
    headers: { authorization: `Bearer ${world.simulator.admin.tokenFile('own-renewed')}` },
  });
  const { subscribedNotificationTypes: kinds } = (await answer.json()) as { subscribedNotificationTypes: string[] };
  expect(kinds).toEqual(['ASSET_COUNT', 'ASSET_MANAGEMENT', 'USER_ASSOCIATED', 'USER_MANAGEMENT']);
});

test('§1.13 an address that is gone: a refusal to forget it is the end of it, and trouble on the way is not', async () => {
  world.services.settings.publicUrl = null;
  faultOnce(world, { kind: 'error', errorNumber: 9603, status: 503 }, 'getClientConfig');
  await world.work();
  expect((await webhook()).registeredUrl).not.toBeNull();
  faultOnce(world, { kind: 'error', errorNumber: 9602 }, 'setClientConfig');
  await world.clock.advance(30_000);
  await world.work();
  expect(posts()).toBe(1);
  expect(await webhook()).toMatchObject({ registeredUrl: null, dueAt: null });
});

test('§1.14 a copy of the database does not draw the notifications of the original to itself', async () => {
  const { prisma } = world.database;
  const settings = world.services.settings;
  const { installationId } = settings;
  await prisma.installation.upsert({
    where: { id: 1 },
    create: { id: 1, createdAt: world.clock.now(), marker: 'original' },
    update: { marker: 'original' },
  });
  settings.installationId = 'copy';
  settings.publicUrl = world.publicUrl.replace('127.0.0.1', 'localhost');
  await world.work();
  expect(posts()).toBe(0);
  expect(atApple()).toContain('127.0.0.1');
  expect(await shown()).toMatchObject({ state: 'POLLING', reason: 'REFUSED' });
  settings.installationId = installationId;
  await prisma.installation.update({ where: { id: 1 }, data: { marker: null } });
  await world.clock.advance(60_000);
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('§1.13 while Apple is out of reach a registration that holds stays LIVE', async () => {
  faultOnce(world, { kind: 'error', errorNumber: 9603, status: 503 }, 'getClientConfig');
  await world.clock.advance(hour);
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('§4.6 notifications are deleted after their time; what was not applied stays', async () => {
  const { prisma } = world.database;
  const old = new Date(world.clock.now().getTime() - 397 * 86_400_000);
  const row = { organizationId: world.organizationId, tokenId: token, type: 'T', body: '{}', receivedAt: old };
  const away = new Date(world.clock.now().getTime() + 9_000 * hour);
  await prisma.notification.create({ data: { ...row, appleId: 'old', bodyHash: 'a', dueAt: old, appliedAt: old } });
  await prisma.notification.create({ data: { ...row, appleId: 'open', bodyHash: 'b', dueAt: away } });
  expect(await prune(world.services)).toMatchObject({ notifications: 1 });
  expect(await prisma.notification.findMany({ where: { receivedAt: old } })).toMatchObject([{ appleId: 'open' }]);
  await prisma.notification.deleteMany({ where: { appleId: 'open' } });
});

test('§1.13 a removed token gives nothing to do; one that comes back is registered again', async () => {
  await world.post(token, { notification: {}, notificationId: 'x', notificationType: 'NEW', uId });
  await removeToken(world.admin, { tokenId: token, confirm: true });
  await world.work();
  expect(await world.post(token, { notification: {}, notificationId: 'y', notificationType: 'NEW', uId })).toBe(403);
  await uploadToken(world.admin, { file: world.simulator.admin.tokenFile('own-renewed'), email: 'it@example.org' });
  await world.work();
  expect(await shown()).toMatchObject({ state: 'LIVE' });
});

test('F7 a token that the probe finds working again is LIVE again', async () => {
  world.simulator.admin.faults.add({
    match: { operation: 'getClientConfig', times: 1 },
    fault: { kind: 'error', errorNumber: 9625 },
  });
  await world.clock.advance(2 * hour);
  await world.work();
  expect(await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).toMatchObject({
    condition: 'REVOKED',
  });
  expect(await shown()).toMatchObject({ state: 'POLLING' });
  await world.clock.advance(120_000);
  await world.work();
  expect(await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).toMatchObject({
    condition: 'OK',
  });
  expect(await shown()).toEqual({ state: 'LIVE', reason: null, message: null });
});
