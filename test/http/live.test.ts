/** Subscriptions from the table of events to both wires. @module */
import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { transaction } from '../../src/db/transaction.ts';
import { systemContext } from '../../src/domain/context.ts';
import { addProgress, endTask, setRunning } from '../../src/domain/task/change.ts';
import { writeTaskEvent } from '../../src/domain/task/events.ts';
import { announceTask, startTask } from '../../src/domain/task/start.ts';
import { type NoticeFacts, writeNotice } from '../../src/domain/token/notices.ts';
import { globalId } from '../../src/graphql/ids.ts';
import { addApp, addPool, addToken } from '../graphql/rows.ts';
import { startApi, type TestApi } from './support/api.ts';
import { openSocket } from './support/socket.ts';

const events = 50;
const query = `subscription($taskId: ID!, $after: String) {
  taskProgress(taskId: $taskId, after: $after) { cursor seq snapshot expired task { id state phase requested completed outcome } }
}`;
interface Progress {
  cursor: string;
  seq: number;
  snapshot: boolean;
  task: { id: string; state: string; completed: number; outcome: string | null };
}

let api: TestApi;
let key: string;
let organizationId: bigint;

beforeAll(async () => {
  api = await startApi({ realtime: true });
  organizationId = await api.organization();
  key = await api.key(organizationId);
});
afterAll(() => api.close());

const newTask = (): Promise<bigint> => {
  const context = systemContext(api.services, organizationId, 'test', 'test');
  return transaction(context, async (tx) => {
    const taskId = await startTask(context, tx, { kind: 'SYNC', requested: events, tokenIds: [] });
    await announceTask(context, tx, taskId);
    return taskId;
  });
};

/** One event for each step, then the end. */
async function work(taskId: bigint, from: number, to: number, end = false): Promise<void> {
  const task = { organizationId, taskId };
  const now = api.clock.now();
  for (let step = from; step < to; step += 1) {
    await transaction(api.services, async (tx) => {
      if (step === 0) return setRunning(tx, task, 'ASSETS', now);
      await addProgress(tx, task, { completed: 1 });
      await writeTaskEvent(tx, task, now);
    });
  }
  if (end) await transaction(api.services, (tx) => endTask(tx, task, { state: 'SUCCEEDED' }, now));
}

describe('F1 taskProgress', () => {
  test('F1 a watcher sees every event up to the end, and the stream completes', async () => {
    const taskId = await newTask();
    const socket = await openSocket(api, key);
    const all = socket.collect(query, { taskId: globalId('Task', taskId) });
    await work(taskId, 0, events, true);
    const seen = (await all).map((answer) => answer.data.taskProgress as Progress);
    expect(seen[0]!.snapshot).toBe(true);
    expect(seen.slice(1).map((event) => event.seq)).toEqual(seen.slice(1).map((_, index) => seen[0]!.seq + index + 1));
    expect(seen.at(-1)!.task).toMatchObject({
      id: globalId('Task', taskId),
      state: 'SUCCEEDED',
      completed: events - 1,
    });
    await socket.close();
  });

  test('F1 G10 cut at 40 %, resumed by the cursor over the other transport: no gap, no duplicate', async () => {
    const taskId = await newTask();
    const variables = { taskId: globalId('Task', taskId) };
    const seen: Progress[] = [];
    const first = await openSocket(api, key);
    const cut = new Promise<void>((resolve) => {
      first.client.subscribe<{ taskProgress: Progress }>(
        { query, variables },
        {
          next: ({ data }) => {
            if (seen.length < events * 0.4) seen.push(data!.taskProgress);
            if (seen.length >= events * 0.4) {
              first.client.terminate();
              resolve();
            }
          },
          error: () => resolve(),
          complete: () => resolve(),
        },
      );
    });
    await Promise.all([cut, work(taskId, 0, events / 2)]);
    const sse = createSseClient({
      url: `${api.url}/graphql`,
      headers: { authorization: `Bearer ${key}` },
      retryAttempts: 0,
    });
    const rest = sse.iterate<{ taskProgress: Progress }>({
      query,
      variables: { ...variables, after: seen.at(-1)!.cursor },
    });
    const ending = work(taskId, events / 2, events, true);
    for await (const { data } of rest) seen.push(data!.taskProgress);
    await ending;
    const stored = await api.services.prisma.taskEvent.findMany({ where: { taskId }, orderBy: { seq: 'asc' } });
    const started = seen[0]!.seq;
    expect(seen.map((event) => event.seq)).toEqual(
      stored.map((row) => Number(row.seq)).filter((seq) => seq >= started),
    );
    expect(seen.slice(1).every((event) => !event.snapshot)).toBe(true);
    sse.dispose();
  });

  test.each([
    ['an unknown task', () => ({ taskId: globalId('Task', 999_999n) }), 'NOT_FOUND'],
    ['a malformed cursor', (id: string) => ({ taskId: id, after: 'nonsense' }), 'CURSOR_INVALID'],
    ['the id of another type', () => ({ taskId: globalId('App', 1n) }), 'INVALID_INPUT'],
  ] as const)('F1 %s is refused before a stream is opened', async (_name, variables, code) => {
    const id = globalId('Task', await newTask());
    const socket = await openSocket(api, key);
    const [answer] = await socket.collect(query, variables(id));
    expect(answer?.errors?.[0]?.extensions.code).toBe(code);
    await socket.close();
  });

  test('S3 the task of another organization can not be watched', async () => {
    const foreign = await api.key(await api.organization('Other'));
    const socket = await openSocket(api, foreign);
    const [answer] = await socket.collect(query, { taskId: globalId('Task', await newTask()) });
    expect(answer?.errors?.[0]?.extensions.code).toBe('NOT_FOUND');
    await socket.close();
  });
});

test('F3 licenseCounts tells the counts now and again when they move', async () => {
  const { prisma } = api.services;
  const token = await addToken(prisma, organizationId);
  const app = await addApp(prisma, organizationId, { name: 'Atlas' });
  const pool = await addPool(prisma, { organizationId, tokenId: token.id, appId: app.id }, { total: 5n });
  const sse = createSseClient({
    url: `${api.url}/graphql`,
    headers: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  const news = sse.iterate<{ licenseCounts: { total: number; app: { name: string } } }>({
    query: 'subscription($ids: [ID!]) { licenseCounts(appIds: $ids) { total app { name } } }',
    variables: { ids: [globalId('App', app.id)] },
  });
  expect((await news.next()).value?.data).toEqual({ licenseCounts: { total: 5, app: { name: 'Atlas' } } });
  await prisma.licensePool.updateMany({ where: { id: pool.id }, data: { total: 30n } });
  await prisma.$queryRaw`SELECT 1 FROM pg_notify('russet', ${`counts:${organizationId}`})`;
  expect((await news.next()).value?.data).toEqual({ licenseCounts: { total: 30, app: { name: 'Atlas' } } });
  await news.return?.();
  sse.dispose();
});

test('S68 tasks tells tasks that change, as they stand', async () => {
  const socket = await openSocket(api, key);
  const seen: { id: string; state: string }[] = [];
  const taskId = await newTask();
  const over = new Promise<void>((resolve, reject) => {
    const stop = socket.client.subscribe<{ tasks: { id: string; state: string } }>(
      { query: 'subscription { tasks(kinds: [SYNC]) { id state } }' },
      {
        next: ({ data }) => {
          if (data!.tasks.id === globalId('Task', taskId)) seen.push(data!.tasks);
          if (seen.at(-1)?.state === 'SUCCEEDED') stop();
        },
        error: reject,
        complete: resolve,
      },
    );
  });
  await work(taskId, 0, 1);
  // Only what changes after the stream was opened is told, so the change is repeated until it was heard.
  const again = () =>
    transaction(api.services, (tx) => writeTaskEvent(tx, { organizationId, taskId }, api.clock.now()));
  await expect.poll(() => again().then(() => seen.at(-1)?.state)).toBe('RUNNING');
  await work(taskId, 1, 1, true);
  await over;
  expect(seen.at(-1)?.state).toBe('SUCCEEDED');
  await socket.close();
});

test('F7 tokenNotices: the list gives the place, both transports go on from it, and a made-up one is refused', async () => {
  const { prisma, clock } = api.services;
  const token = await addToken(prisma, organizationId, { label: 'Told' });
  const facts: NoticeFacts = {
    cycle: 1,
    expiresAt: new Date('2026-03-08T12:00:00Z'),
    foreignMdm: null,
    appleErrorNumber: null,
  };
  const tell = (rung: number) =>
    transaction(api.services, (tx) =>
      writeNotice(tx, { organizationId, tokenId: token.id }, { ...facts, kind: 'EXPIRING', rung }, clock.now()),
    );
  await tell(15);
  const list = `query($id: ID!) { token(id: $id) { notices(first: 5) { totalCount edges { cursor node { kind rung message token { label } } } } } }`;
  const { data } = await api.ask(key, list, { id: globalId('Token', token.id) });
  const { totalCount, edges } = data.token.notices;
  expect([totalCount, edges[0].node]).toEqual([
    1,
    {
      kind: 'EXPIRING',
      rung: 15,
      message: 'The token expires on 2026-03-08, in 7 days. Download a new file and renew it.',
      token: { label: 'Told' },
    },
  ]);
  await tell(7);
  const query = 'subscription($after: String) { tokenNotices(after: $after) { cursor notice { rung } } }';
  const sse = createSseClient({
    url: `${api.url}/graphql`,
    headers: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  const news = sse.iterate<{ tokenNotices: { cursor: string; notice: { rung: number } } }>({
    query,
    variables: { after: edges[0].cursor },
  });
  const seven = (await news.next()).value!.data!.tokenNotices;
  expect(seven.notice).toEqual({ rung: 7 });
  await tell(1);
  expect((await news.next()).value!.data!.tokenNotices.notice).toEqual({ rung: 1 });
  await news.return?.();
  sse.dispose();
  const socket = await openSocket(api, key);
  const rest = await new Promise((resolve) => {
    const stop = socket.client.subscribe<{ tokenNotices: { notice: { rung: number } } }>(
      { query, variables: { after: seven.cursor } },
      {
        next: (answer) => {
          resolve(answer.data!.tokenNotices.notice);
          stop();
        },
        error: resolve,
        complete: () => {},
      },
    );
  });
  expect(rest).toEqual({ rung: 1 });
  for (const after of ['nonsense', Buffer.from('notice:999999').toString('base64url')]) {
    const [refused] = await socket.collect(query, { after });
    expect(refused?.errors?.[0]?.extensions.code).toBe('CURSOR_INVALID');
  }
  await socket.close();
});
