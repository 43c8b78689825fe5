/** Devices from end to end: the public API, and both simulators. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FleetDay, openFleetDay, second } from '../support/fleet-day.ts';

const devices = 20;
let day: FleetDay;
beforeAll(async () => {
  day = await openFleetDay(devices, {
    simulator: { fleet: { propagationMs: 10 * second, propagationJitterMs: 20 * second } },
  });
});
afterAll(() => day.close());

const taskFields = 'state outcome requested completed failed failures(first: 1) { totalCount }';
const task = async (id: string) => (await day.ask(`query ($id: ID!) { task(id: $id) { ${taskFields} } }`, { id })).task;

test('S28 F2 installs: 9610 for a third of them is no failure, nothing is sent before the license is there, lists confirm', async () => {
  const { admin } = day.world.simulator;
  const errors = [{ domain: 'ASDServerErrorDomain', code: 9610 }];
  admin.fleet.script({ script: { kind: 'error', errors, chance: 0.3, times: 1, requestType: 'InstallApplication' } });
  const id = await day.installApp();
  await day.until(() => day.ended(id), 15 * second);
  expect(await task(id)).toEqual({
    ...{ state: 'SUCCEEDED', outcome: 'ALL', requested: devices, completed: devices, failed: 0 },
    failures: { totalCount: 0 },
  });
  const seen = admin.fleet.devices({ seen: true }).flatMap((device) => device.seen ?? []);
  const refused = seen.filter(({ requestType, errorCode }) => requestType === 'InstallApplication' && errorCode);
  // Any other number would say that the store knows of no license.
  expect(new Set(refused.map(({ errorCode }) => errorCode))).toEqual(new Set([9610]));
  expect(await day.sentTooEarly()).toBe(0);
  expect(await day.differences()).toEqual([]);
});
