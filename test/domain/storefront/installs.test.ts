/** Requests of a holder that install: with devices that ask Apple's simulator for their license. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { requestApp } from '../../../src/domain/storefront/request.ts';
import { showStore } from '../../../src/domain/storefront/show.ts';
import { createHands, type Hands } from '../install/hands.ts';
import { associate, expectSound, giveApp, liveOf, makeDevices, poolOf, type TestApp } from '../license/support.ts';

let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
beforeEach(() => {
  hands.act = () => 'INSTALL';
  hands.installs.length = 0;
});
afterAll(async () => {
  await expectSound(hands.world);
  await hands.close();
});

const portal = () => hands.world.as('APPSTORE_MANAGER', { scopes: ['storefront:use'] });
const request = (app: TestApp, deviceId: bigint, idempotencyKey?: string) =>
  requestApp(portal(), { appId: app.id, for: { deviceId }, idempotencyKey });
async function onShelf(app: TestApp, deviceId: bigint) {
  const question = { holder: { deviceId }, search: null, order: { field: 'FIRST_SEEN' as const, descending: true } };
  const shelf = await showStore(portal(), question, { after: null, before: null, limit: 100, fromEnd: false });
  return shelf.find((row) => row.id === app.id)!;
}
const over = () =>
  hands.until(async () => (await hands.world.database.prisma.task.count({ where: { finishedAt: null } })) === 0);

test('S47 a request gives the license and installs the app; a second one finds it on its way, or there', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const [device] = await hands.devices(1);
  const key = { ...portal() };
  const once = () => requestApp(key, { appId: app.id, for: { deviceId: device! }, idempotencyKey: 'one' });
  expect(await once()).toMatchObject({ outcome: 'REQUESTED', installs: true, app: { holderHasLicense: true } });
  expect(await once()).toMatchObject({ outcome: 'REQUESTED', installs: true });
  expect(await request(app, device!)).toMatchObject({ outcome: 'ALREADY_LICENSED', installs: true });
  await over();
  expect(hands.installs, 'one command for all of them').toHaveLength(1);
  expect(await request(app, device!)).toMatchObject({ outcome: 'ALREADY_LICENSED', installs: false });
  expect(await onShelf(app, device!)).toMatchObject({ installed: true, refusal: { code: 'ALREADY_LICENSED' } });
  expect(await liveOf(hands.world, app)).toHaveLength(1);
  const { auditEntry } = hands.world.database.prisma;
  const entries = await auditEntry.findMany({ where: { subject: `device:${device}` }, orderBy: { id: 'asc' } });
  expect(entries.map(({ action, data }) => [action, data])).toEqual([
    ['storefront.request', { appId: String(app.id), install: true }],
  ]);
});

test('S47 where only the app is lacking the store says that it can be requested, and a request installs it', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const [device] = await hands.devices(1);
  await associate(hands.world, app, [device!]);
  await over();
  expect(await onShelf(app, device!)).toMatchObject({ holderHasLicense: true, refusal: null });
  expect(await request(app, device!)).toMatchObject({ outcome: 'REQUESTED', installs: true });
  await over();
  expect(hands.installs).toHaveLength(1);
  expect(await liveOf(hands.world, app), 'with the license that was there').toHaveLength(1);
});

test('S47 an install that the person rejects gives the license back, and can be requested again', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { total: 1 });
  const [device] = await hands.devices(1);
  hands.act = () => 'REJECT';
  await request(app, device!);
  await over();
  expect(await poolOf(hands.world, app)).toMatchObject({ held: 0n, reserved: 0n });
  hands.act = () => 'INSTALL';
  expect(await onShelf(app, device!)).toMatchObject({ holderHasLicense: false, available: true, refusal: null });
  expect(await request(app, device!)).toMatchObject({ outcome: 'REQUESTED', installs: true });
  await over();
  expect(await onShelf(app, device!)).toMatchObject({ holderHasLicense: true, installed: true });
});

test('S47 a device that nothing can be sent to gets the license, and the answer says that it is not installed', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { supportedPlatforms: ['iOS', 'macOS'] });
  const [unenrolled] = await makeDevices(hands.world, 1);
  const [mac] = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.0' });
  await hands.enroll([mac!]);
  for (const device of [unenrolled!, mac!])
    expect(await request(app, device)).toMatchObject({ outcome: 'REQUESTED', installs: false });
  await over();
  expect(await liveOf(hands.world, app)).toHaveLength(2);
  expect(hands.installs).toEqual([]);
});

test('S47 without a free license nothing is begun, and the refusal is in the words of the store', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { total: 0 });
  const [device] = await hands.devices(1);
  await expect(request(app, device!)).rejects.toMatchObject({ reason: 'NO_LICENSES_AVAILABLE' });
  expect(await hands.world.database.prisma.appOperation.count({ where: { appId: app.id } })).toBe(0);
});
