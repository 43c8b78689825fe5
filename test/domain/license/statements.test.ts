/** Set-wise: the number of statements does not follow the number of devices. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { statementsOf } from '../../graphql/statements.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, expectSound, giveApp, makeDevices, revoke, type TestApp, taskOf } from './support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  const simulator = { limits: { maxSerialNumbers: 5_000, maxRequestPerSecond: 100_000 }, eventBatchSize: 100_000 };
  world = await createWorld({ simulator });
  token = await world.library('own');
});
afterAll(() => world.close());

/** Statements of each step of giving and taking back, for so many devices. */
async function stepsFor(count: number): Promise<Record<string, number>> {
  const app = await giveApp(world, token, { total: 5_000 });
  const devices = await makeDevices(world, count);
  const counted: Record<string, number> = {};
  const step = async (name: string, work: () => Promise<unknown>) => {
    counted[name] = (await statementsOf(work)).statements.length;
  };
  await step('associate', () => associate(world, app, devices));
  await step('send', () => world.work());
  await world.clock.advance(1_000);
  await step('settle', () => world.work());
  await step('revoke', () => revoke(world, app, devices));
  await step('send back', () => world.work());
  await world.clock.advance(1_000);
  await step('settle back', () => world.work());
  await step('cancel', () => giveAndCancel(app, devices));
  return counted;
}

async function giveAndCancel(app: TestApp, devices: bigint[]): Promise<void> {
  const taskId = await associate(world, app, devices);
  await cancelTask(world.admin, { taskId });
  expect(await taskOf(world, taskId)).toMatchObject({ state: 'CANCELLED', failed: BigInt(devices.length) });
}

test('S44 1 device or 5,000 devices: every step takes the same number of statements', async () => {
  const one = await stepsFor(1);
  expect(await stepsFor(5_000)).toEqual(one);
  expect(one.associate).toBeLessThan(30);
  await expectSound(world);
}, 60_000);
