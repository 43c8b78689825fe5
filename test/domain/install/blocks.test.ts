/** Large requests: their installs are found block by block, with the licenses that they need and no others. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { installApps } from '../../../src/domain/install/ask.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { associate, expectSound, failuresOf, giveApp, liveOf, makeDevices, taskOf } from '../license/support.ts';
import { createHands, type Hands } from './hands.ts';

// Files share a worker's modules: those with small blocks are this one's own, and nobody else meets them.
vi.hoisted(() => vi.resetModules());
vi.mock('../../../src/domain/license/limits.ts', () => ({ maxIds: 10_000, blockSize: 4, maxPairs: 100_000 }));

let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
afterAll(async () => {
  await hands.close();
  vi.doUnmock('../../../src/domain/license/limits.ts');
  vi.resetModules();
});

test('S28 a request of several blocks: what has a license is installed, what lacks one gets it, what can’t be gets none', async () => {
  const one = await giveApp(hands.world, hands.tokenId, { supportedPlatforms: ['iOS', 'macOS'] });
  const deviceIds = await hands.devices(9);
  const macs = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.4' });
  await hands.ended(await associate(hands.world, one, deviceIds.slice(2, 4)));
  const input = { appIds: [one.id], target: { deviceIds: [...deviceIds, ...macs] } };
  const [taskId, licensesId] = (await installApps(hands.world.admin, input)).taskIds;
  await hands.ended(taskId!, licensesId!);
  expect(await taskOf(hands.world, licensesId!)).toMatchObject({ requested: 7n, completed: 7n, outcome: 'ALL' });
  expect(await taskOf(hands.world, taskId!)).toMatchObject({ requested: 10n, completed: 9n, failed: 1n });
  expect((await failuresOf(hands.world, taskId!)).map((row) => row.code)).toEqual(['INSTALL_NOT_SUPPORTED']);
  expect(hands.installs).toHaveLength(9);
  expect(await liveOf(hands.world, one)).toHaveLength(9);
  await expectSound(hands.world, { apple: true });
});

test('S28 one that is cancelled before its blocks are reserved counts every item, and takes no license', async () => {
  const one = await giveApp(hands.world, hands.tokenId);
  const deviceIds = await hands.devices(6);
  const [taskId, licensesId] = (await installApps(hands.world.admin, { appIds: [one.id], target: { deviceIds } }))
    .taskIds;
  await cancelTask(hands.world.admin, { taskId: taskId! });
  await hands.ended(taskId!, licensesId!);
  for (const id of [taskId!, licensesId!])
    expect(await taskOf(hands.world, id)).toMatchObject({ state: 'CANCELLED', requested: 6n, failed: 6n });
  expect(await liveOf(hands.world, one)).toEqual([]);
  await expectSound(hands.world, { apple: true });
});
