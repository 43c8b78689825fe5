import { afterAll, beforeAll, expect, test } from 'vitest';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { type ProgressPayload, readProgress } from '../../../src/domain/task/progress-payload.ts';
import { school } from '../../../src/simulator/index.ts';
import { createWorld, type World } from '../../support/world.ts';

let world: World;
beforeAll(async () => {
  // Apple works off 20 of 200 items a second.
  world = await createWorld({ simulator: { eventBatchMs: 1_000, eventBatchSize: 20 } });
  await world.library('own');
});
afterAll(() => world.close());

test('F1 people see the work move while Apple is at it: what Apple reports rises, then all of it is settled', async () => {
  const { prisma } = world.database;
  const able = (await world.devices()).filter(
    (device) => device.family === 'IPAD' && !device.osVersion?.startsWith('8.'),
  );
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [await world.app(school.exactly300)],
    target: { deviceIds: able.slice(0, 200).map((device) => device.id) },
  });
  await world.settle();
  const rows = await prisma.taskEvent.findMany({ where: { taskId: taskIds[0]! }, orderBy: { seq: 'asc' } });
  const events = rows.map((row) => readProgress(row.payload as unknown as ProgressPayload));
  const moving = events.filter((event) => event.reported > 0n);
  expect(moving.length).toBeGreaterThan(3);
  expect(moving.every((event) => event.completed === 0n && event.reported < 200n)).toBe(true);
  const done = events.map((event) => event.completed + event.failed + event.reported);
  expect(done).toEqual([...done].sort((a, b) => Number(a - b)));
  expect(events.at(-1)).toMatchObject({ state: 'SUCCEEDED', completed: 200n, reported: 0n });
});
