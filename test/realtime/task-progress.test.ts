import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { checkCursor, writeCursor } from '../../src/domain/task/cursor.ts';
import type { Streams } from '../../src/graphql/ports.ts';
import type { Realtime } from '../../src/realtime/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  addOrganization,
  addTask,
  createWorld,
  drain,
  iterate,
  killListeners,
  publish,
  range,
  ring,
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
  realtime = await world.realtime();
  organizationId = await addOrganization(world.pool);
});
afterAll(() => world.close());
beforeEach(() => {
  ending = new AbortController();
});
afterEach(async () => {
  ending.abort();
  expect(await eventually(isQuiet)).toBe(true);
});

/** Nobody waits for anything any more. */
const isQuiet = () => realtime.stats().streams === 0 && realtime.stats().watchers === 0;

const newTask = () => addTask(world.pool, organizationId);
const watch = (task: TaskKey, after: bigint | null) =>
  realtime.tasks.taskProgress({
    ...task,
    after: after === null ? null : writeCursor(task.taskId, after),
    signal: ending.signal,
  });
const numbers = (events: { seq: bigint }[]) => events.map((event) => event.seq);
const end = { state: 'SUCCEEDED', outcome: 'ALL', finishedAt: '2026-01-02T03:05:00.000Z' } as const;

test('F1 the streams are those that the schema asks for', () => {
  const streams: Streams = { ...realtime.tasks, ...realtime.counts, ...realtime.notices, ...realtime.commands };
  expect(Object.keys(streams).sort()).toEqual([
    'deviceCommands',
    'licenseCounts',
    'taskProgress',
    'tasks',
    'tokenNotices',
  ]);
});

test('F1 without a cursor the newest state comes first, then all that follows to the end', async () => {
  const task = await newTask();
  await publish(world.pool, task, 3);
  const reader = iterate(watch(task, null));
  const first = await take(reader);
  expect(first).toMatchObject({ seq: 3n, snapshot: true, expired: false, task: { state: 'RUNNING', completed: 3n } });
  await publish(world.pool, task, 2);
  await publish(world.pool, task, 1, end);
  const rest = await takeMany(reader, 3);
  expect(numbers(rest)).toEqual([4n, 5n, 6n]);
  expect(rest.map((event) => event.snapshot)).toEqual([false, false, false]);
  expect(await reader.next()).toEqual({ done: true, value: undefined });
});

test('F1 an event carries what was written, with moments and counts as such', async () => {
  const task = await newTask();
  const cause = { code: 'TOKEN_EXPIRED', message: 'It expired.', appleErrorNumber: null };
  await publish(world.pool, task, 1, { ...end, state: 'FAILED', outcome: 'SOME', cause, failed: '7', phase: 'SEND' });
  const [event] = await drain(watch(task, 0n));
  expect(event).toMatchObject({ cursor: writeCursor(task.taskId, 1n), at: expect.any(Date) });
  expect(event?.task).toEqual({
    state: 'FAILED',
    phase: 'SEND',
    waitsFor: null,
    waitsUntil: null,
    requested: 100n,
    completed: 1n,
    failed: 7n,
    reported: 0n,
    outcome: 'SOME',
    cause,
    startedAt: new Date('2026-01-02T03:04:05.678Z'),
    finishedAt: new Date(end.finishedAt),
  });
});

test('F1 with a cursor exactly the rows above it come, page by page', async () => {
  const task = await newTask();
  await publish(world.pool, task, 249);
  await publish(world.pool, task, 1, end);
  expect(numbers(await drain(watch(task, 17n)))).toEqual(range(18, 250));
  expect(numbers(await drain(watch(task, 150n)))).toEqual(range(151, 250));
});

test('F1 behind the last event of a task that is over there is nothing', async () => {
  const task = await newTask();
  await publish(world.pool, task, 1, end);
  expect(await drain(watch(task, 1n))).toEqual([]);
  expect(await drain(watch(task, null))).toMatchObject([{ seq: 1n, snapshot: true, task: { state: 'SUCCEEDED' } }]);
});

test('F1 a cursor older than what is kept is answered by a snapshot that says so, and it goes on from there', async () => {
  const task = await newTask();
  await publish(world.pool, task, 5);
  await world.pool.query('DELETE FROM task_event WHERE task_id = $1 AND seq <= 3', [task.taskId]);
  expect(numbers(await takeMany(iterate(watch(task, 3n)), 2))).toEqual([4n, 5n]);
  const reader = iterate(watch(task, 2n));
  expect(await take(reader)).toMatchObject({ seq: 5n, snapshot: true, expired: true });
  await publish(world.pool, task, 1, end);
  expect(await take(reader)).toMatchObject({ seq: 6n, snapshot: false, expired: false });
  expect((await reader.next()).done).toBe(true);
});

test('F1 a hole in what is kept is never stepped over in silence', async () => {
  const task = await newTask();
  await publish(world.pool, task, 8);
  await world.pool.query('DELETE FROM task_event WHERE task_id = $1 AND seq IN (4, 5)', [task.taskId]);
  const events = await takeMany(iterate(watch(task, 1n)), 3);
  expect(numbers(events)).toEqual([2n, 3n, 8n]);
  expect(events.map((event) => event.expired)).toEqual([false, false, true]);
});

test('F1 of a task that is over and whose events are all gone the end is still told', async () => {
  const task = await newTask();
  await publish(world.pool, task, 2, end);
  await world.pool.query('DELETE FROM task_event WHERE task_id = $1', [task.taskId]);
  expect(await drain(watch(task, 1n))).toMatchObject([{ seq: 2n, snapshot: true, expired: true }]);
});

test('F1 a cursor that is not of this task is refused with a typed error', async () => {
  const task = await newTask();
  await publish(world.pool, task, 2);
  const other = await newTask();
  const open = (after: string) => () => realtime.tasks.taskProgress({ ...task, after, signal: ending.signal });
  expect(open('nonsense')).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID', reason: 'MALFORMED' }));
  expect(open(writeCursor(other.taskId, 1n))).toThrow(expect.objectContaining({ reason: 'OTHER_TASK' }));
  await expect(iterate(watch(task, 3n)).next()).rejects.toMatchObject({ code: 'CURSOR_INVALID', reason: 'AHEAD' });
  const { prisma } = world.database;
  await expect(checkCursor(prisma, { ...task, after: writeCursor(task.taskId, 3n) })).rejects.toMatchObject({
    reason: 'AHEAD',
  });
  await expect(checkCursor(prisma, { ...task, after: writeCursor(task.taskId, 2n) })).resolves.toBeUndefined();
});

test('F1 a task of another organization does not exist', async () => {
  const task = await newTask();
  await publish(world.pool, task, 1);
  const foreign = { organizationId: await addOrganization(world.pool), taskId: task.taskId };
  await expect(iterate(watch(foreign, null)).next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(iterate(watch(foreign, 0n)).next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(checkCursor(world.database.prisma, { ...foreign, after: null })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('F1 an event that commits while the reader is cut and comes back is told once', async () => {
  const task = await newTask();
  await publish(world.pool, task, 1);
  const first = iterate(watch(task, 0n));
  expect(await take(first)).toMatchObject({ seq: 1n });
  const writer = await world.pool.connect();
  await writer.query('BEGIN');
  await writeEvents(writer, task, 1);
  await ring(writer, { organizationId, kind: 'task', id: task.taskId });
  const cutOff = first.next();
  await first.return?.();
  expect((await cutOff).done).toBe(true);
  const readsBefore = realtime.stats().eventReads;
  const second = iterate(watch(task, 1n));
  const next = take(second);
  await eventually(() => realtime.stats().eventReads > readsBefore);
  await writer.query('COMMIT');
  writer.release();
  expect(await next).toMatchObject({ seq: 2n });
  await publish(world.pool, task, 1, end);
  expect(numbers(await takeMany(second, 1))).toEqual([3n]);
  expect((await second.next()).done).toBe(true);
});

test('F1 nothing is lost when the listening connection is killed before, while and after something is written', async () => {
  const task = await newTask();
  const reader = iterate(watch(task, 0n));
  for (const killFirst of [true, false, true]) {
    const before = realtime.stats().reconnects;
    const next = reader.next();
    if (killFirst) await killListeners(world.pool);
    await publish(world.pool, task, 1);
    if (!killFirst) await killListeners(world.pool);
    expect((await next).done).toBe(false);
    expect(await eventually(() => realtime.stats().reconnects > before)).toBe(true);
  }
  await publish(world.pool, task, 1, end);
  expect(await take(reader)).toMatchObject({ seq: 4n });
});

test('F1 what is written without anybody hearing the ring comes with the new connection', async () => {
  const task = await newTask();
  const reader = iterate(watch(task, 0n));
  const next = take(reader);
  await eventually(() => realtime.stats().watchers === 1);
  await writeEvents(world.pool, task, 1, end);
  await killListeners(world.pool);
  expect(await next).toMatchObject({ seq: 1n });
});

test('F1 nobody who left is still waited on', async () => {
  const task = await newTask();
  await publish(world.pool, task, 1);
  const readers = Array.from({ length: 20 }, () => iterate(watch(task, null)));
  await Promise.all(readers.map(take));
  const waiting = readers.slice(0, 10).map((reader) => reader.next());
  expect(realtime.stats()).toMatchObject({ streams: 20, watchers: 20 });
  await Promise.all(readers.slice(0, 10).map((reader) => reader.return?.()));
  expect((await Promise.all(waiting)).every((result) => result.done)).toBe(true);
  expect(realtime.stats()).toMatchObject({ streams: 10, watchers: 10 });
  ending.abort();
  expect(await eventually(isQuiet)).toBe(true);
});
