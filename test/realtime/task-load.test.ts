import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { writeCursor } from '../../src/domain/task/cursor.ts';
import type { Realtime } from '../../src/realtime/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  addOrganization,
  addTask,
  createWorld,
  iterate,
  publish,
  range,
  take,
  takeMany,
  type World,
} from './support.ts';

let world: World;
let realtime: Realtime;
let organizationId: bigint;
let ending: AbortController;

beforeAll(async () => {
  world = await createWorld();
  realtime = await world.realtime();
  organizationId = await addOrganization(world.pool);
});
afterAll(() => world.close());
beforeEach(() => {
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  expect(await eventually(() => realtime.stats().streams === 0 && realtime.stats().watchers === 0)).toBe(true);
});

test('F1 a reader that pauses through 20,000 events pulls nothing meanwhile and gets all of them afterwards', async () => {
  const task = await addTask(world.pool, organizationId);
  await publish(world.pool, task, 1);
  const reader = iterate(
    realtime.tasks.taskProgress({ ...task, after: writeCursor(task.taskId, 0n), signal: ending.signal }),
  );
  expect(await take(reader)).toMatchObject({ seq: 1n });
  const before = realtime.stats().eventReads;
  for (let block = 0; block < 20; block += 1) await publish(world.pool, task, 1_000);
  expect(realtime.stats().eventReads).toBe(before);
  const pages = vi.spyOn(world.pool, 'query');
  const rest = await takeMany(reader, 20_000);
  expect(rest.map((event) => event.seq)).toEqual(range(2, 20_001));
  const sizes = await Promise.all(pages.mock.results.map(async ({ value }) => (await value).rows.length));
  pages.mockRestore();
  expect(Math.max(...sizes)).toBe(100);
  expect(sizes.length).toBeLessThanOrEqual(202);
});

test('F1 a thousand subscribers of one task cost one listening connection and a few reads an event', async () => {
  const task = await addTask(world.pool, organizationId);
  await publish(world.pool, task, 1);
  const readers = Array.from({ length: 1_000 }, () =>
    iterate(realtime.tasks.taskProgress({ ...task, after: null, signal: ending.signal })),
  );
  expect((await Promise.all(readers.map(take))).every((event) => event.seq === 1n && event.snapshot)).toBe(true);
  const before = realtime.stats().eventReads;
  const events = 20;
  const received = Promise.all(readers.map((reader) => takeMany(reader, events)));
  for (let event = 0; event < events; event += 1) await publish(world.pool, task, 1);
  for (const own of await received) expect(own.map(({ seq }) => seq)).toEqual(range(2, events + 1));
  expect(realtime.stats().eventReads - before).toBeLessThanOrEqual(3 * events);
  const { rows } = await world.pool.query(
    `SELECT count(*)::int AS listening FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
  );
  expect(rows[0].listening).toBe(1);
});

test('F1 readers of different tasks hear of their own only', async () => {
  const tasks = await Promise.all(Array.from({ length: 5 }, () => addTask(world.pool, organizationId)));
  const readers = tasks.map((task) =>
    iterate(realtime.tasks.taskProgress({ ...task, after: writeCursor(task.taskId, 0n), signal: ending.signal })),
  );
  const all = Promise.all(readers.map((reader) => takeMany(reader, 4)));
  await Promise.all(tasks.map((task) => publish(world.pool, task, 4)));
  for (const [index, events] of (await all).entries()) {
    expect(events.map((event) => event.cursor)).toEqual(
      range(1, 4).map((seq) => writeCursor(tasks[index]!.taskId, seq)),
    );
  }
});
