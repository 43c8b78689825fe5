import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { readTask, rowOf, startSync, uploadToken } from '../../support/process-steps.ts';
import { expectWholeHistory } from '../../support/process-truth.ts';
import { connect, type SeenEvent, type Transport, watchTask } from '../../support/process-watch.ts';
import { type ApiProcess, type Processes, startProcesses } from '../../support/processes.ts';

let processes: Processes;
let apis: [ApiProcess, ApiProcess];
let tokenId: string;

beforeAll(async () => {
  // More than 50 pages, at a pace that leaves time to be cut off.
  processes = await startProcesses({
    simulator: [
      '--licenses',
      '500',
      '--devices',
      '100',
      '--page-size',
      '10',
      '--max-requests-per-second',
      '40',
      '--allow-http-notifications',
    ],
  });
  apis = await Promise.all([processes.api(), processes.api()]);
  tokenId = await uploadToken(apis[0], (await processes.simulator.token('own')).text);
}, 60_000);
afterAll(() => processes.close());
afterEach(() => processes.killWorkers());

/** Whether the sync has read this share of all its pages. How many there are it knows with the first one of the assignments. */
const reached = (share: number) => (event: SeenEvent) =>
  event.task.requested >= 50 && event.task.completed >= share * event.task.requested;

/** All events of the task as the database has them. */
async function stored(taskId: string): Promise<{ seq: number; completed: number }[]> {
  const { rows } = await processes.db.query<{ seq: number; completed: number }>(
    `SELECT seq::int, (payload ->> 'completed')::int AS completed FROM task_event WHERE task_id = $1 ORDER BY seq`,
    [rowOf(taskId)],
  );
  return rows;
}

/** What a reader got is all there is, in order, each once, and none of it later than `within` milliseconds. */
async function expectLossless(taskId: string, seen: readonly SeenEvent[], within = 1_000): Promise<void> {
  const all = await stored(taskId);
  expect(seen.map(({ seq, task }) => ({ seq, completed: task.completed }))).toEqual(all);
  const last = seen.at(-1)!;
  expect(last.task.state).toBe('SUCCEEDED');
  expect(last.task.completed).toBe(last.task.requested);
  expect(last.task.requested).toBeGreaterThanOrEqual(50);
  const latest = Math.max(...seen.filter((event) => !event.snapshot).map((event) => event.late));
  expect(latest).toBeLessThan(within);
  await expectWholeHistory(processes, taskId);
}

describe('F1 a live, resumable stream of a sync of more than 50 pages', () => {
  test.each<[Transport]>([['ws'], ['sse']])(
    'F1 G10 the connection over %s is cut at 40 % and taken up with its cursor on another API process: no gap, no duplicate',
    async (transport) => {
      const taskId = await startSync(apis[0], tokenId);
      const first = watchTask(apis[0], taskId, {
        transport,
        onEvent: (event) => {
          if (reached(0.4)(event)) first.cut();
        },
      });
      // Nobody works yet, so the snapshot is the first event of all.
      await eventually(() => first.events.length);
      await processes.worker();
      await expect(first.done).rejects.toThrow();
      const cutAt = first.events.at(-1)!;
      expect(cutAt.task.completed).toBeLessThan(cutAt.task.requested);
      // Several events happen while nobody listens.
      expect(await eventually(async () => (await stored(taskId)).at(-1)!.seq >= cutAt.seq + 5)).toBe(true);
      const second = watchTask(apis[1], taskId, { transport, after: cutAt.cursor });
      await second.done;

      expect(second.events[0]!.snapshot).toBe(false);
      const late = second.events.filter((event) => event.seq <= cutAt.seq + 5).map((event) => event.seq);
      expect(late.slice(0, 5)).toEqual([1, 2, 3, 4, 5].map((step) => cutAt.seq + step));
      // Those that were waiting are old by the time they are asked for: only what came live is measured.
      const live = second.events.filter((event) => event.seq > cutAt.seq + 5);
      expect(live.length).toBeGreaterThan(5);
      await expectLossless(taskId, [
        ...first.events,
        ...second.events.map((event) => ({ ...event, late: live.includes(event) ? event.late : 0 })),
      ]);
    },
    60_000,
  );

  test('F1 G10 asked for on one API process and watched on the other, while the listening connections break all the time', async () => {
    const taskId = await startSync(apis[0], tokenId);
    const watch = watchTask(apis[1], taskId, { transport: 'ws' });
    await eventually(() => watch.events.length);
    await processes.worker();
    expect(await eventually(() => watch.events.some(reached(0.3)))).toBe(true);
    // Again and again up to the end, so that the last event happens while nobody listens.
    let broken = 0;
    const over = async () => {
      broken += await breakListeners();
      return (await readTask(apis[0], taskId)).state === 'SUCCEEDED';
    };
    expect(await eventually(over, 20_000)).toBe(true);
    await watch.done;

    expect(broken).toBeGreaterThan(5);
    await expectLossless(taskId, watch.events, 5_000);
    for (const api of apis) expect(api.child.output()).toContain('listening to the database again');
  }, 60_000);
});

test('F3 25 seats bought at Apple: who watches the counts sees 25 more within 2 s, and nobody synced', async () => {
  const port = String(await freePort());
  const reachable = { PORT: port, PUBLIC_URL: `http://127.0.0.1:${port}` };
  const api = await processes.api(reachable);
  await processes.worker(reachable);
  const { text, uId } = await processes.simulator.token('district');
  const id = await uploadToken(api, text);
  const sync = await startSync(api, id);
  expect(await eventually(async () => (await readTask(api, sync)).state === 'SUCCEEDED', 20_000)).toBe(true);
  const live = async () => {
    const asked = `{ tokens(first: 10) { edges { node { id notifications { state } } } } }`;
    const { tokens } = await api.ask<{
      tokens: { edges: { node: { id: string; notifications: { state: string } } }[] };
    }>(asked);
    return tokens.edges.find(({ node }) => node.id === id)?.node.notifications.state === 'LIVE';
  };
  expect(await eventually(live)).toBe(true);
  await processes.simulator.setOptions({ notificationDelayMs: 0, notificationJitterMs: 0 });
  const { assets } = await processes.simulator.truth(uId);
  const { adamId } = assets.find((asset) => asset.productType === 'App' && !asset.unlimited)!;

  const seen: { total: string; at: number }[] = [];
  const connection = connect(api, 'ws');
  const query = `subscription ($tokenId: ID) { licenseCounts(tokenId: $tokenId) { total app { adamId } } }`;
  connection.subscribe<{ licenseCounts: { total: string; app: { adamId: string } } }>(
    { query, variables: { tokenId: id } },
    {
      next: ({ data }) => {
        if (data?.licenseCounts.app.adamId !== adamId) return;
        seen.push({ total: data.licenseCounts.total, at: performance.now() });
      },
      error: () => {},
      complete: () => {},
    },
  );
  expect(await eventually(() => seen.length === 1)).toBe(true);
  const boughtAt = performance.now();
  await processes.simulator.purchase({ uId, adamId, count: 25 });
  expect(await eventually(() => seen.length > 1)).toBe(true);
  connection.end();
  expect(BigInt(seen[1]!.total) - BigInt(seen[0]!.total)).toBe(25n);
  expect(seen[1]!.at - boughtAt).toBeLessThan(2_000);
  const { rows } = await processes.db.query("SELECT count(*)::int AS count FROM task WHERE kind = 'SYNC' AND id > $1", [
    rowOf(sync),
  ]);
  expect(rows).toEqual([{ count: 0 }]);
}, 60_000);

/** Ends the connections by which the API processes are told of news. Gives how many there were. */
async function breakListeners(): Promise<number> {
  const { rowCount } = await processes.db.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'russet listen'`,
  );
  return rowCount ?? 0;
}
