/** Requests of more than 10,000 pairs: the task reserves in blocks. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { reserveBlocks } from '../../../src/domain/license/reserve-blocks.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  Crash,
  callsOf,
  crashAt,
  expectSound,
  failuresOf,
  giveApp,
  makeDevices,
  poolOf,
  readAsset,
  revoke,
  type TestApp,
  taskOf,
  uIdOf,
  workThroughCrashes,
} from './support.ts';

let world: World;
let token: bigint;
let devices: bigint[];
beforeAll(async () => {
  world = await createWorld({ simulator: { eventBatchSize: 100_000 } });
  token = await world.library('own');
  devices = await makeDevices(world, 5_100);
});
afterEach(async () => {
  world.simulator.admin.clearJournal();
  await expectSound(world);
});
afterAll(() => world.close());

/** Two apps for 5,100 devices: 10,200 pairs, in blocks of 5,000 devices. */
async function twoApps(secondTotal: number): Promise<TestApp[]> {
  return [await giveApp(world, token, { total: 6_000 }), await giveApp(world, token, { total: secondTotal })];
}

test('more than 10,000 pairs are accepted at once, reserved in blocks, and given', async () => {
  const apps = await twoApps(6_000);
  const taskId = await associate(world, apps, devices);
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'QUEUED', requested: 10_200n, reservedAll: false });
  expect(await poolOf(world, apps[0]!)).toMatchObject({ reserved: 0n });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 10_200n, failed: 0n });
  expect(callsOf(world, 'associateAssets').every((call) => call.body!.assets === 2)).toBe(true);
  const back = await revoke(world, apps, devices);
  await world.settle();
  expect(await taskOf(world, back)).toMatchObject({ outcome: 'ALL', completed: 10_200n });
});

test('ATOMIC: the last block is refused, so everything is given back and nothing was ever sent; a retry makes it whole', async () => {
  const apps = await twoApps(5_050);
  const taskId = await associate(world, apps, devices);
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({
    state: 'FAILED',
    outcome: 'NONE',
    completed: 0n,
    failed: 10_200n,
    cause: { code: 'NO_LICENSES_AVAILABLE' },
  });
  expect(callsOf(world, 'associateAssets')).toEqual([]);
  for (const app of apps) expect(await poolOf(world, app)).toMatchObject({ held: 0n, reserved: 0n });
  world.simulator.admin.purchase({ uId: await uIdOf(world, token), adamId: apps[1]!.adamId, count: 50 });
  await readAsset(world, token, apps[1]!.adamId);
  const again = await retryTask(world.admin, { taskId });
  await world.settle();
  expect(await taskOf(world, again)).toMatchObject({ retryOf: taskId, outcome: 'ALL', completed: 10_200n });
});

test('SKIP_FAILED: what was refused is named, the rest is given', async () => {
  const apps = await twoApps(5_050);
  const taskId = await associate(world, apps, devices, { onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'SOME', completed: 10_150n, failed: 50n });
  expect(new Set((await failuresOf(world, taskId)).map((failure) => failure.code))).toEqual(
    new Set(['NO_LICENSES_AVAILABLE']),
  );
});

test('killed between two blocks, it goes on where it was', async () => {
  const apps = await twoApps(6_000);
  const taskId = await associate(world, apps, devices);
  const crashed = crashAt(world, 'reserved', 2);
  await workThroughCrashes(world);
  expect(crashed()).toBe(true);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', completed: 10_200n });
});

test('a device that is named twice in different places is one device', async () => {
  const apps = await twoApps(6_000);
  const taskId = await associate(world, apps, [...devices, ...devices.slice(0, 200)]);
  expect(await taskOf(world, taskId)).toMatchObject({ requested: 10_200n });
  await reserveBlocks(world.services, { organizationId: world.organizationId, taskId }, 'test');
  expect(await taskOf(world, taskId)).toMatchObject({ reservedAll: true, failed: 0n });
  await cancelTask(world.admin, { taskId });
});

test('cancelled between two blocks: all pairs are accounted for, and a retry takes up the whole request', async () => {
  const apps = await twoApps(6_000);
  const taskId = await associate(world, apps, devices);
  crashAt(world, 'reserved', 2);
  await expect(reserveBlocks(world.services, { organizationId: world.organizationId, taskId }, 'test')).rejects.toThrow(
    Crash,
  );
  expect(await poolOf(world, apps[0]!)).toMatchObject({ reserved: 5_000n });
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', failed: 10_200n, completed: 0n });
  const again = await retryTask(world.admin, { taskId });
  expect(await taskOf(world, again)).toMatchObject({ retryOf: taskId, requested: 10_200n });
  await cancelTask(world.admin, { taskId: again });
});

test('two workers on the same task: the newer claim wins, and every pair is reserved once', async () => {
  const apps = await twoApps(6_000);
  const taskId = await associate(world, apps, devices);
  const key = { organizationId: world.organizationId, taskId };
  await Promise.all([reserveBlocks(world.services, key, 'one'), reserveBlocks(world.services, key, 'two')]);
  await reserveBlocks(world.services, key, 'three');
  for (const app of apps) expect(await poolOf(world, app)).toMatchObject({ reserved: 5_100n });
  await cancelTask(world.admin, { taskId });
});

test('at most 10,000 ids and 1,000 apps are taken', async () => {
  const ids = Array.from({ length: 10_001 }, (_, at) => BigInt(at + 1));
  await expect(associateLicenses(world.admin, { appIds: [1n], target: { deviceIds: ids } })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  await expect(
    associateLicenses(world.admin, { appIds: ids.slice(0, 1_001), target: { deviceIds: [1n] } }),
  ).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  await expect(associateLicenses(world.admin, { appIds: [1n], target: {} })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});
