import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { inputHash } from '../../src/domain/idempotency.ts';
import { type AssociateInput, associateLicenses } from '../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../src/domain/license/revoke.ts';
import { prune } from '../../src/domain/work/prune.ts';
import { createWorld, type World } from '../support/world.ts';
import { expectSound, giveApp, liveOf, makeDevices, type TestApp, taskOf } from './license/support.ts';

const day = 86_400_000;
let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(async () => {
  await world.settle();
  await expectSound(world);
});
afterAll(() => world.close());

let lastKey = 0;
const newKey = () => `key-${++lastKey}`;

function give(app: TestApp, deviceIds: bigint[], idempotencyKey: string, more: Partial<AssociateInput> = {}) {
  return associateLicenses(world.admin, { appIds: [app.id], target: { deviceIds }, idempotencyKey, ...more });
}

test('F12 the same key five times in parallel: one effect, the same answer', async () => {
  const app = await giveApp(world, token, { total: 3 });
  const devices = await makeDevices(world, 3);
  const key = newKey();
  const results = await Promise.all(Array.from({ length: 5 }, () => give(app, devices, key)));
  expect(new Set(results.map((result) => result.taskIds[0])).size).toBe(1);
  expect(results.filter((result) => !result.replayed)).toHaveLength(1);
  expect(await liveOf(world, app)).toHaveLength(3);
  expect(await world.database.prisma.task.count({ where: { id: { in: results[0]!.taskIds } } })).toBe(1);
  expect(await world.database.prisma.auditEntry.count({ where: { taskId: results[0]!.taskIds[0]! } })).toBe(1);
});

test('F12 a replay answers with the task as it stands', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const key = newKey();
  const first = await give(app, devices, key);
  expect(first.replayed).toBe(false);
  await world.settle();
  const again = await give(app, [...devices].reverse(), key);
  expect(again).toEqual({ taskIds: first.taskIds, replayed: true });
  expect(await taskOf(world, again.taskIds[0]!)).toMatchObject({ state: 'SUCCEEDED', completed: 2n });
});

test('F12 the same key with another input is refused, and nothing is done', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const key = newKey();
  await give(app, devices.slice(0, 1), key);
  await expect(give(app, devices, key)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  await expect(give(app, devices.slice(0, 1), key, { onError: 'SKIP_FAILED' })).rejects.toMatchObject({
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
  expect(await liveOf(world, app)).toHaveLength(1);
});

test('F12 a parallel request with the same key and another input waits, and is refused', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const key = newKey();
  const results = await Promise.allSettled(devices.map((device) => give(app, [device], key)));
  const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : 'done')).sort();
  expect(codes).toEqual(['IDEMPOTENCY_KEY_REUSED', 'done']);
});

test('F12 a key belongs to one operation and one API key', async () => {
  const app = await giveApp(world, token);
  const [first, second] = await makeDevices(world, 2);
  const key = newKey();
  const { taskIds } = await give(app, [first!], key);
  const other = await associateLicenses(world.as('APPSTORE_MANAGER'), {
    appIds: [app.id],
    target: { deviceIds: [second!] },
    idempotencyKey: key,
  });
  expect(other).toMatchObject({ replayed: false });
  await world.settle();
  const revoked = await revokeLicenses(world.admin, {
    appIds: [app.id],
    target: { deviceIds: [first!] },
    idempotencyKey: key,
  });
  expect(revoked.replayed).toBe(false);
  expect(revoked.taskIds).not.toEqual(taskIds);
});

test('F12 a refusal is not kept: the key can be used when the cause is gone', async () => {
  const app = await giveApp(world, token, { total: 1 });
  const devices = await makeDevices(world, 2);
  const key = newKey();
  await expect(give(app, devices, key)).rejects.toMatchObject({ code: 'NO_LICENSES_AVAILABLE' });
  await world.database.prisma.licensePool.updateMany({ where: { appId: app.id }, data: { total: 2n } });
  expect(await give(app, devices, key)).toMatchObject({ replayed: false });
  world.simulator.admin.setAsset({ uId: '900000000000000101', adamId: app.adamId, total: 2 });
});

test('F12 a key is kept for exactly seven days, and pruned after them', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 2);
  const key = newKey();
  const { taskIds } = await give(app, devices.slice(0, 1), key);
  await world.settle();
  const { createdAt } = await world.database.prisma.idempotencyKey.findFirstOrThrow({ where: { key } });
  await world.clock.set(new Date(createdAt.getTime() + 7 * day));
  expect(await give(app, devices.slice(0, 1), key)).toEqual({ taskIds, replayed: true });
  expect(await prune(world.services)).toMatchObject({ idempotencyKeys: expect.any(Number) });
  expect(await world.database.prisma.idempotencyKey.count({ where: { key } })).toBe(1);
  await world.clock.advance(1);
  expect(await give(app, devices.slice(1), key)).toMatchObject({ replayed: false });
  await world.clock.advance(7 * day + 1);
  await prune(world.services);
  expect(await world.database.prisma.idempotencyKey.count({ where: { key } })).toBe(0);
});

test('equal inputs have equal hashes: order of fields and lists, repeats, null and absent do not matter', () => {
  const hash = inputHash({ appIds: [1n, 2n], target: { deviceIds: [3n] }, tokenId: null });
  expect(inputHash({ target: { serialNumbers: undefined, deviceIds: [3n, 3n] }, appIds: [2n, 1n] })).toBe(hash);
  expect(inputHash({ appIds: [1n, 2n], target: { deviceIds: [4n] } })).not.toBe(hash);
  expect(inputHash({ appIds: [12n], target: { deviceIds: [3n] } })).not.toBe(hash);
  expect(inputHash({ a: ['x'] })).not.toBe(inputHash({ a: 'x' }));
});
