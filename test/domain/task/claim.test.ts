import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import {
  ClaimLostError,
  claimGate,
  claimTask,
  underGateClaim,
  underTaskClaim,
} from '../../../src/domain/task/claim.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, giveApp, makeDevices } from '../license/support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterAll(() => world.close());

const nobody = () => Promise.reject(new Error('this must not be done'));

test('F12 of two writers of a token only the newer may write', async () => {
  const gate = { organizationId: world.organizationId, tokenId: token };
  const older = (await claimGate(world.services, gate))!;
  expect(await underGateClaim(world.services, older, async () => 'done')).toBe('done');
  const newer = (await claimGate(world.services, gate))!;
  await expect(underGateClaim(world.services, older, nobody)).rejects.toThrow(ClaimLostError);
  expect(await underGateClaim(world.services, newer, async () => 'done')).toBe('done');
  expect(await claimGate(world.services, { ...gate, tokenId: 987_654n })).toBeNull();
});

test('F12 of two workers on a task only the newer may write, and none once it is cancelled or over', async () => {
  const app = await giveApp(world, token);
  const taskId = await associate(world, app, await makeDevices(world, 1));
  const task = { organizationId: world.organizationId, taskId };
  const older = (await claimTask(world.services, task))!;
  const newer = (await claimTask(world.services, task))!;
  await expect(underTaskClaim(world.services, older, nobody)).rejects.toThrow(ClaimLostError);
  expect(await underTaskClaim(world.services, newer, async () => 'done')).toBe('done');
  await cancelTask(world.admin, { taskId });
  await expect(underTaskClaim(world.services, newer, nobody)).rejects.toThrow(ClaimLostError);
  expect(await claimTask(world.services, task)).toBeNull();
});
