import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeCursor } from '../../src/domain/task/cursor.ts';
import type { Realtime } from '../../src/realtime/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  addOrganization,
  addTask,
  createWorld,
  forever,
  iterate,
  killListeners,
  publish,
  range,
  take,
  type World,
} from './support.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const runs = Number(process.env.FUZZ_RUNS ?? 25);

let world: World;
let realtime: Realtime;
let organizationId: bigint;

beforeAll(async () => {
  world = await createWorld();
  // A small page, so that many cuts fall on the border of two.
  realtime = await world.realtime({ eventPage: 7 });
  organizationId = await addOrganization(world.pool);
});
afterAll(() => world.close());

/** Writing goes on while the reader reads and is cut. */
type Step = { write: number } | { read: number } | 'cut' | 'cut-while-waiting' | 'kill-listener';

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 4, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.constantFrom('cut' as const, 'cut-while-waiting' as const) },
    { weight: 1, arbitrary: fc.constant('kill-listener' as const) },
  ),
  { minLength: 3, maxLength: 20 },
);

test(`F1 cut anywhere and resumed with the last cursor: every event once and in order (FUZZ_SEED=${seed})`, async () => {
  const property = fc.asyncProperty(steps, async (script) => {
    const task = await addTask(world.pool, organizationId);
    const open = (after: string) => iterate(realtime.tasks.taskProgress({ ...task, after, signal: forever }));
    const seen: bigint[] = [];
    let cursor = writeCursor(task.taskId, 0n);
    let reader = open(cursor);
    let asked = 0;
    let writing = Promise.resolve();
    const read = async () => {
      const event = await take(reader);
      seen.push(event.seq);
      cursor = event.cursor;
    };
    const cut = async (waiting: boolean) => {
      // What was on its way when the line was cut never arrived.
      const lost = waiting ? reader.next() : undefined;
      await reader.return?.();
      await lost;
      reader = open(cursor);
    };
    const write = (count: number, state: 'RUNNING' | 'SUCCEEDED') => {
      asked += count;
      writing = writing.then(() => publish(world.pool, task, count, { state }));
    };
    for (const step of script) {
      if (step === 'kill-listener') await killListeners(world.pool);
      else if (typeof step === 'string') await cut(step === 'cut-while-waiting');
      else if ('write' in step) write(step.write, 'RUNNING');
      else for (let left = Math.min(step.read, asked - seen.length); left > 0; left -= 1) await read();
    }
    write(1, 'SUCCEEDED');
    while (seen.length < asked) await read();
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    await writing;
    expect(seen).toEqual(range(1, asked));
  });
  await fc.assert(property, { seed, numRuns: runs });
  expect(await eventually(() => realtime.stats().watchers === 0)).toBe(true);
  expect(realtime.stats().streams).toBe(0);
}, 120_000);
