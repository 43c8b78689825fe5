import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { setUpdatePolicy } from '../../../src/domain/update/set-policy.ts';
import { createFleet, type Fleet } from './fleet.ts';

// Operations are rows here, and what becomes of them is the test's affair.
vi.mock('../../../src/domain/operation/start.ts', () => import('./started.ts'));

let fleet: Fleet;
beforeAll(async () => {
  fleet = await createFleet();
});
afterAll(() => fleet.close());

const tasks = () => fleet.database.prisma.task.findMany({ where: { kind: 'UPDATE' }, orderBy: { id: 'asc' } });
const items = (appId: bigint) =>
  fleet.database.prisma.updateItem.findMany({ where: { appId }, orderBy: { id: 'asc' } });

test('S53 S58 F10 a new version: devices are asked first, never more than the cap under way, and a task tells it', async () => {
  await setUpdatePolicy(fleet.admin, { mode: 'IMMEDIATELY', maxInFlight: 5 });
  const devices = await fleet.devices(40);
  const app = await fleet.app('100');
  await fleet.install(app, devices, '100');
  await fleet.step();
  expect(await tasks()).toEqual([]);
  await fleet.release(app, '101');
  await fleet.step();
  expect(new Set((await items(app)).map(({ state }) => state))).toEqual(new Set(['ASKED']));
  const most = await fleet.settle();
  expect(most).toBe(5);
  expect((await items(app)).every(({ state }) => state === 'UPDATED')).toBe(true);
  const [task] = await tasks();
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 40n, completed: 40n, failed: 0n });
});
