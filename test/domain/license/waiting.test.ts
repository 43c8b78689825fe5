/** What a token's writer does when it can't go on: Apple asks to wait, the token expires, somebody takes the library over. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { claimToken } from '../../../src/domain/token/claim.ts';
import { removeToken } from '../../../src/domain/token/remove.ts';
import { renewToken } from '../../../src/domain/token/renew.ts';
import { createWorld, type World } from '../../support/world.ts';
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
  taskOf,
  uIdOf,
} from './support.ts';

const hour = 3_600_000;
let world: World;
let token: bigint;
beforeEach(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(() => world.close());

/** Lets the token's last hour begin. */
async function expireIn(milliseconds: number): Promise<void> {
  const { expiresAt } = await world.database.prisma.token.findFirstOrThrow({ where: { id: token } });
  await world.clock.advance(expiresAt.getTime() - world.clock.now().getTime() - milliseconds);
}

async function renew(): Promise<void> {
  const expDate = new Date(world.clock.now().getTime() + 400 * 24 * hour).toISOString();
  const { text } = world.simulator.admin.issueToken({ name: 'own', as: 'renewed', expDate });
  await renewToken(world.admin, { tokenId: token, file: text });
}

for (const [name, retryAfter, seconds] of [
  ['in seconds', { retryAfter: 90 }, 90],
  ['as a date', { retryAfterDate: 90 }, 90],
  ['with none', {}, 2],
] as const) {
  test(`429 with Retry-After ${name}: the task waits for APPLE until then, no call is made before, and it ends`, async () => {
    const app = await giveApp(world, token);
    faultOnce(world, { kind: 'error', errorNumber: 9646, ...retryAfter });
    world.simulator.admin.clearJournal();
    const taskId = await associate(world, app, await makeDevices(world, 3));
    await world.work();
    const until = new Date(world.clock.now().getTime() + seconds * 1000);
    const task = await taskOf(world, taskId);
    expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
    expect(Math.abs(task.waitsUntil!.getTime() - until.getTime())).toBeLessThan(1_000);
    await world.clock.advance(seconds * 1000 - 1_001);
    expect(await world.work()).toBe(0);
    expect(callsOf(world, 'associateAssets')).toHaveLength(1);
    await world.settle();
    expect(await taskOf(world, taskId)).toMatchObject({
      state: 'SUCCEEDED',
      outcome: 'ALL',
      waitsFor: null,
      waitsUntil: null,
    });
    await expectSound(world);
  });
}

test('§15 Retry-After of twenty hours is kept, and the task says until when', async () => {
  const app = await giveApp(world, token);
  const hours = 20 * 3_600_000;
  faultOnce(world, { kind: 'error', errorNumber: 9729, retryAfter: hours / 1000 });
  world.simulator.admin.clearJournal();
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.work();
  const task = await taskOf(world, taskId);
  expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
  expect(Math.abs(task.waitsUntil!.getTime() - world.clock.now().getTime() - hours)).toBeLessThan(1_000);
  await world.clock.advance(hours - 2_000);
  await world.work();
  expect(world.simulator.admin.journal().filter((entry) => entry.uId)).toHaveLength(1);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
  await expectSound(world);
});

test('503 again and again: the waits grow, and the first answer ends them', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, { kind: 'error', errorNumber: 9729 }, 'associateAssets', 5);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  const waits: number[] = [];
  for (let round = 0; round < 5; round++) {
    await world.work();
    const wait = (await taskOf(world, taskId)).waitsUntil!.getTime() - world.clock.now().getTime();
    waits.push(wait);
    await world.clock.advance(wait);
  }
  expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000]);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
});

test('waits that Apple names do not lengthen those that Russet chooses', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 1));
  for (let times = 0; times < 5; times++) {
    faultOnce(world, { kind: 'error', errorNumber: 9729, retryAfter: 1 });
    await world.work();
    await world.clock.advance(1_001);
  }
  faultOnce(world, { kind: 'error', errorNumber: 9729 });
  await world.work();
  const task = await taskOf(world, taskId);
  expect(task).toMatchObject({ state: 'WAITING', waitsFor: 'APPLE' });
  expect(task.waitsUntil!.getTime() - world.clock.now().getTime()).toBeLessThanOrEqual(2_000);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
});

test('a task that waits for Apple can be cancelled at once', async () => {
  const app = await giveApp(world, token);
  faultOnce(world, { kind: 'error', errorNumber: 9646, retryAfter: 600 });
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.work();
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'NONE', failed: 3n });
  expect(await poolOf(world, app)).toMatchObject({ reserved: 0n });
  await expectSound(world);
});

test('the token expires with work under way: the task waits for the renewal, and goes on after it', async () => {
  const app = await giveApp(world, token);
  await expireIn(1_000);
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.clock.advance(1_000);
  world.simulator.admin.clearJournal();
  await world.work();
  const now = world.clock.now().getTime();
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'WAITING',
    waitsFor: 'TOKEN_RENEWAL',
    waitsUntil: new Date(now + 24 * hour),
  });
  expect(world.simulator.admin.journal().filter((call) => call.method === 'POST')).toEqual([]);
  await expect(associate(world, app, await makeDevices(world, 1))).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
  expect(await poolOf(world, app)).toMatchObject({ reserved: 3n });
  await world.clock.advance(23 * hour);
  await renew();
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 3n });
  await expectSound(world);
});

test('nobody renews for 24 hours: the seats are given back, each item fails by name, and a retry can take them up', async () => {
  const app = await giveApp(world, token);
  await expireIn(1_000);
  const devices = await makeDevices(world, 4);
  const taskId = await associate(world, app, devices);
  await world.clock.advance(1_000);
  await world.work();
  await world.clock.advance(24 * hour - 1);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING' });
  await world.clock.advance(1);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'FAILED',
    outcome: 'NONE',
    failed: 4n,
    cause: { code: 'TOKEN_EXPIRED' },
  });
  expect((await failuresOf(world, taskId)).map((failure) => [failure.code, failure.deviceId])).toEqual(
    devices.map((device) => ['TOKEN_EXPIRED', device]),
  );
  expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
  expect(await world.work()).toBe(0);
  await expectSound(world);
});

test('a revoke that waits behind a request when the token expires for good: both tasks end, every item counted once', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 3);
  await expireIn(3_000);
  faultOnce(world, eventFault({ stuckAfter: 0 }));
  const taskId = await associate(world, app, devices);
  await world.work();
  const back = await revoke(world, app, devices);
  await world.clock.advance(3_000);
  await world.work();
  expect(await taskOf(world, back)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  await world.clock.advance(24 * hour);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'FAILED', failed: 3n });
  expect(await taskOf(world, back)).toMatchObject({ state: 'FAILED', failed: 3n });
  await expectSound(world);
});

test('a revoke under way when the token expires for good: the licenses stay', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 3);
  await associate(world, app, devices);
  await world.settle();
  await expireIn(1_000);
  const taskId = await revoke(world, app, devices);
  await world.clock.advance(1_000 + 24 * hour);
  await world.work();
  await world.clock.advance(24 * hour);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'FAILED', failed: 3n, cause: { code: 'TOKEN_EXPIRED' } });
  expect(await liveOf(world, app)).toMatchObject(devices.map(() => ({ state: 'CONFIRMED', revokeTaskId: null })));
  await expectSound(world);
});

test('Apple says that the token is expired while it looks good here: it waits for the renewal and does not ask again', async () => {
  const app = await giveApp(world, token);
  world.simulator.admin.faults.add({
    match: { operation: 'associateAssets' },
    fault: { kind: 'error', errorNumber: 9621 },
  });
  const taskId = await associate(world, app, await makeDevices(world, 1));
  world.simulator.admin.clearJournal();
  await world.work();
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  world.simulator.admin.faults.clear();
  await world.clock.advance(hour);
  await renew();
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
});

test('Apple revokes the token: the task waits for a renewal and goes on with the new file', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 2));
  world.simulator.admin.revokeToken('own');
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL' });
  await renew();
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL' });
  await expectSound(world);
});

test('another server claims the library between two writes: writes stop at once, what was sent settles, claimToken goes on', async () => {
  world.simulator.admin.setOptions({ limits: { maxSerialNumbers: 2 } });
  const app = await giveApp(world, token);
  await world.clock.advance(300_000);
  faultOnce(world, { kind: 'foreignMdmInfo' });
  world.simulator.admin.clearJournal();
  const taskId = await associate(world, app, await makeDevices(world, 6));
  await world.work();
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  await world.clock.advance(1_000);
  await world.work();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING', waitsFor: 'TOKEN_RENEWAL', completed: 2n });
  expect(await world.database.prisma.token.findFirstOrThrow({ where: { id: token } })).toMatchObject({
    condition: 'TAKEN_OVER',
    foreignMdm: { name: 'Another MDM' },
  });
  await expect(associate(world, app, await makeDevices(world, 1))).rejects.toMatchObject({
    code: 'TOKEN_NOT_USABLE',
    state: 'TAKEN_OVER',
  });
  await world.clock.advance(hour);
  await world.work();
  expect(callsOf(world, 'associateAssets')).toHaveLength(1);
  await claimToken(world.admin, { tokenId: token });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 6n });
  await expectSound(world);
});

test('the library was claimed by another server before the first write: nothing is sent', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 2));
  world.simulator.admin.setMdmInfo({
    uId: await uIdOf(world, token),
    mdmInfo: { id: 'x', name: 'Other', metadata: 'm' },
  });
  await world.clock.advance(61_000);
  world.simulator.admin.clearJournal();
  await world.work();
  expect(callsOf(world, 'associateAssets')).toHaveLength(0);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'WAITING' });
});

test('the token is removed with a write under way: the tasks end, nothing is asked again, and a finished revoke keeps its counts', async () => {
  const app = await giveApp(world, token);
  const kept = await makeDevices(world, 1);
  await associate(world, app, kept);
  await world.settle();
  faultOnce(world, eventFault({ failAfter: 0, errorNumber: 9609 }), 'disassociateAssets');
  const finished = await revoke(world, app, kept);
  await world.settle();
  expect(await taskOf(world, finished)).toMatchObject({ state: 'SUCCEEDED', outcome: 'NONE', failed: 1n });
  const taskId = await associate(world, app, await makeDevices(world, 3));
  await world.work();
  await removeToken(world.admin, { tokenId: token, confirm: true });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'FAILED', failed: 3n });
  expect(await taskOf(world, finished)).toMatchObject({ failed: 1n, requested: 1n });
  await world.clock.advance(hour);
  await world.work();
  expect(await world.work()).toBe(0);
  await expectSound(world, { apple: false });
});
