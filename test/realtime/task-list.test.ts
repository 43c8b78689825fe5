import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Realtime } from '../../src/realtime/index.ts';
import type { TaskFilter } from '../../src/realtime/task-list.ts';
import { eventually } from '../support/eventually.ts';
import {
  addOrganization,
  addTask,
  addToken,
  createWorld,
  iterate,
  killListeners,
  publish,
  type TaskKey,
  take,
  takeMany,
  type World,
  writeEvents,
} from './support.ts';

let world: World;
let realtime: Realtime;
let organizationId: bigint;
let ending: AbortController;

beforeAll(async () => {
  world = await createWorld();
  realtime = await world.realtime({ taskSlots: 3 });
});
afterAll(() => world.close());
beforeEach(async () => {
  ending = new AbortController();
  organizationId = await addOrganization(world.pool);
});
afterEach(async () => {
  ending.abort();
  expect(await eventually(() => realtime.stats().streams === 0 && realtime.stats().watchers === 0)).toBe(true);
  expect(realtime.stats().taskLists).toBe(0);
});

const everything: TaskFilter = { kinds: null, states: null, tokenId: null };
const newTasks = (count: number) =>
  Promise.all(Array.from({ length: count }, () => addTask(world.pool, organizationId)));
const idsOf = (tasks: readonly TaskKey[]) => tasks.map((task) => task.taskId);

async function* idsOfChanges(changes: AsyncIterable<{ taskId: bigint }>): AsyncGenerator<bigint> {
  for await (const { taskId } of changes) yield taskId;
}

/** A reader that is followed already, together with the answer it waits for. */
async function watch(
  filter: Partial<TaskFilter> = {},
): Promise<{ reader: AsyncIterator<bigint>; first: Promise<bigint> }> {
  const query = { organizationId, filter: { ...everything, ...filter }, signal: ending.signal };
  const reader = iterate(idsOfChanges(realtime.tasks.tasks(query)));
  const first = take(reader);
  // The test ends by aborting; what is waited for then is of no interest.
  first.catch(() => {});
  expect(await eventually(() => realtime.stats().taskLists >= 1)).toBe(true);
  return { reader, first };
}

/** Reads along from now on; resolves when it came by `marker`, by which time every reader has been told of it. */
async function passes(marker: TaskKey): Promise<void> {
  const { reader, first } = await watch();
  for (let taskId = await first; taskId !== marker.taskId; ) taskId = await take(reader);
}

test('F1 a task that changes is told, in the own organization only', async () => {
  const [task] = await newTasks(1);
  const foreign = await addTask(world.pool, await addOrganization(world.pool));
  const { first } = await watch();
  await publish(world.pool, foreign);
  await publish(world.pool, task!);
  expect(await first).toBe(task!.taskId);
});

test('F1 of many changes a slow reader gets each task once', async () => {
  const [one, two, marker] = await newTasks(3);
  const { reader, first } = await watch();
  await publish(world.pool, one!);
  expect(await first).toBe(one!.taskId);
  const passed = passes(marker!);
  for (let round = 0; round < 10; round += 1) {
    await publish(world.pool, two!);
    await publish(world.pool, one!);
  }
  await publish(world.pool, marker!);
  await passed;
  // In which order the slots were first filled depends on how many changes one read met.
  expect(new Set(await takeMany(reader, 3))).toEqual(new Set(idsOf([two!, one!, marker!])));
});

test('F1 more tasks than slots: none is forgotten, and later changes come too', async () => {
  const tasks = await newTasks(20);
  const { reader, first } = await watch();
  await publish(world.pool, tasks[0]!);
  await first;
  const passed = passes(tasks.at(-1)!);
  for (const task of tasks) await publish(world.pool, task, 2);
  await passed;
  const told = new Set<bigint>();
  while (told.size < 20) told.add(await take(reader));
  expect([...told].sort()).toEqual(idsOf(tasks).sort());
  const [late] = await newTasks(1);
  await publish(world.pool, late!);
  for (;;) if ((await take(reader)) === late!.taskId) break;
});

test('F1 the filter looks at kind, present state and token', async () => {
  const tokenId = await addToken(world.pool, organizationId);
  const [finished, running, other] = await newTasks(3);
  const associate = await addTask(world.pool, organizationId, 'ASSOCIATE');
  await world.pool.query('INSERT INTO task_token (organization_id, task_id, token_id) VALUES ($1, $2, $3)', [
    organizationId,
    other!.taskId,
    tokenId,
  ]);
  const byState = await watch({ states: ['SUCCEEDED'] });
  const byKind = await watch({ kinds: ['ASSOCIATE'] });
  const byToken = await watch({ tokenId });
  await publish(world.pool, running!);
  await publish(world.pool, associate);
  await publish(world.pool, other!);
  await publish(world.pool, finished!, 1, { state: 'SUCCEEDED' });
  const firsts = await Promise.all([byState.first, byKind.first, byToken.first]);
  expect(firsts).toEqual(idsOf([finished!, associate, other!]));
});

test('F1 a waiting task that no longer matches the filter is dropped', async () => {
  const [one, two, three] = await newTasks(3);
  const { reader, first } = await watch({ states: ['RUNNING'] });
  await publish(world.pool, one!);
  await first;
  const passed = passes(three!);
  await publish(world.pool, two!);
  await publish(world.pool, two!, 1, { state: 'FAILED' });
  await publish(world.pool, three!);
  await passed;
  expect(await take(reader)).toBe(three!.taskId);
});

test('F1 what changed while nobody listened is told with the new connection', async () => {
  const [task] = await newTasks(1);
  const { first } = await watch();
  await writeEvents(world.pool, task!, 1);
  await killListeners(world.pool);
  expect(await first).toBe(task!.taskId);
});

test('F1 a thousand readers of a list cost one read a ring', async () => {
  const tasks = await newTasks(3);
  const readers = await Promise.all(Array.from({ length: 1_000 }, () => watch()));
  const statements = vi.spyOn(world.pool, 'query');
  await publish(world.pool, tasks[0]!);
  expect(new Set(await Promise.all(readers.map(({ first }) => first)))).toEqual(new Set([tasks[0]!.taskId]));
  const reads = statements.mock.calls.filter(([query]) => (query as { name?: string }).name === 'russet-task-changes');
  statements.mockRestore();
  expect(reads.length).toBeLessThanOrEqual(2);
});
