import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { jsonRequest, startApi, type TestApi } from './support/api.ts';
import { interceptStatements } from './support/intercept-statements.ts';
import { openSocket } from './support/socket.ts';

let api: TestApi;
let organizationId: bigint;
let key: string;
const open = new Set<AbortSignal>();

/** A stream that never has news. */
function silence({ signal }: { signal: AbortSignal }): AsyncIterable<never> {
  open.add(signal);
  const ended = new Promise<IteratorResult<never>>((resolve) => {
    signal.addEventListener('abort', () => {
      open.delete(signal);
      resolve({ done: true, value: undefined });
    });
  });
  return { [Symbol.asyncIterator]: () => ({ next: () => ended }) };
}

beforeAll(async () => {
  api = await startApi({
    streams: { tasks: silence, licenseCounts: silence },
    limits: {
      connectionInitTimeout: 200,
      maxMessageBytes: 10_000,
      maxOperationsPerSocket: 3,
      pingEvery: 100,
      recheckKeyEvery: 50,
    },
  });
  organizationId = await api.organization();
  key = await api.key(organizationId);
});
afterAll(() => api.close());

interface Raw {
  socket: WebSocket;
  messages: { type: string; id?: string; payload?: unknown }[];
  closed: Promise<{ code: number; reason: string }>;
  say(message: unknown): void;
  /** Resolves with the next message. */
  next(): Promise<Raw['messages'][number]>;
}

async function raw(options: { protocols?: string; autoPong?: boolean } = {}): Promise<Raw> {
  const socket = new WebSocket(api.socketUrl, options.protocols ?? 'graphql-transport-ws', {
    autoPong: options.autoPong ?? true,
  });
  const messages: Raw['messages'] = [];
  const waiting: ((message: Raw['messages'][number]) => void)[] = [];
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Raw['messages'][number];
    messages.push(message);
    waiting.shift()?.(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
  );
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return {
    socket,
    messages,
    closed,
    say: (message) => socket.send(JSON.stringify(message)),
    next: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

async function signedIn(withKey = key, options: { autoPong?: boolean } = {}): Promise<Raw> {
  const client = await raw(options);
  client.say({ type: 'connection_init', payload: { apiKey: withKey } });
  expect((await client.next()).type).toBe('connection_ack');
  return client;
}

const watch = (id: string) => ({ id, type: 'subscribe', payload: { query: 'subscription { tasks { id } }' } });

describe('G13 G16 sign-in and close codes', () => {
  test('G13 a key may come as apiKey or as authorization', async () => {
    for (const payload of [{ apiKey: key }, { authorization: `Bearer ${key}` }, { Authorization: `bearer ${key}` }]) {
      const client = await raw();
      client.say({ type: 'connection_init', payload });
      expect((await client.next()).type).toBe('connection_ack');
      client.socket.close();
    }
  });

  test.each([undefined, {}, { apiKey: 'rk_wrong' }, { apiKey: 7 }, { authorization: 'Basic abc' }])(
    'G13 4401 for %j',
    async (payload) => {
      const client = await raw();
      client.say({ type: 'connection_init', payload });
      expect((await client.closed).code).toBe(4401);
    },
  );

  test('G16 4401 for an operation before the sign-in', async () => {
    const client = await raw();
    client.say(watch('1'));
    expect((await client.closed).code).toBe(4401);
  });

  test('G16 4408 for no sign-in in time', async () => {
    expect((await (await raw()).closed).code).toBe(4408);
  });

  test('G16 4429 for a second sign-in', async () => {
    const client = await signedIn();
    client.say({ type: 'connection_init', payload: { apiKey: key } });
    expect((await client.closed).code).toBe(4429);
  });

  test('G16 4409 for an id in use', async () => {
    const client = await signedIn();
    client.say(watch('1'));
    client.say(watch('1'));
    expect((await client.closed).code).toBe(4409);
  });

  test('G16 4400 for what is not of the protocol', async () => {
    const client = await signedIn();
    client.socket.send('{"type":"nonsense"}');
    expect((await client.closed).code).toBe(4400);
  });

  test('G16 4406 for another subprotocol', async () => {
    await expect(raw({ protocols: 'graphql-ws' })).rejects.toThrow();
  });

  test('G17 1009 for a message above the limit', async () => {
    const client = await signedIn();
    client.say({ ...watch('1'), filler: 'x'.repeat(10_001) });
    expect((await client.closed).code).toBe(1009);
  });

  test('G16 nothing is served over WebSocket elsewhere', async () => {
    const socket = new WebSocket(api.socketUrl.replace('/graphql', '/other'), 'graphql-transport-ws');
    const error = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(error.message).toContain('404');
  });
});

describe('G10 G17 operations', () => {
  test('G10 queries and mutations run over the socket too', async () => {
    const socket = await openSocket(api, key);
    expect(await socket.collect('{ viewer { role } }')).toMatchObject([
      { data: { viewer: { role: 'ADMINISTRATOR' } } },
    ]);
    await socket.close();
  });

  test('G17 one socket has a bounded number of operations under way', async () => {
    const client = await signedIn();
    for (const id of ['1', '2', '3']) client.say(watch(id));
    client.say(watch('4'));
    expect(await client.next()).toMatchObject({
      id: '4',
      type: 'error',
      payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }],
    });
    client.say({ id: '1', type: 'complete' });
    client.say({ ...watch('5'), payload: { query: '{ viewer { role } }' } });
    expect(await client.next()).toMatchObject({ id: '5', type: 'next' });
    client.socket.terminate();
    await client.closed;
  });

  test('G10 a stream that waits for news ends the moment its reader completes it or goes away', async () => {
    const client = await signedIn();
    const already = new Set(open);
    const mine = () => [...open].filter((signal) => !already.has(signal));
    client.say(watch('1'));
    client.say(watch('2'));
    await expect.poll(() => mine().length).toBe(2);
    client.say({ id: '1', type: 'complete' });
    await expect.poll(() => mine().length).toBe(1);
    client.socket.terminate();
    await expect.poll(() => mine().length).toBe(0);
  });

  test('G13 4403 once the key of an open socket is revoked, and its streams end', async () => {
    const doomed = await api.key(organizationId, 'APPSTORE_MANAGER');
    const client = await signedIn(doomed);
    const already = new Set(open);
    client.say(watch('1'));
    await expect.poll(() => [...open].filter((signal) => !already.has(signal)).length).toBe(1);
    await api.services.prisma.apiKey.updateMany({
      where: { role: 'APPSTORE_MANAGER' },
      data: { revokedAt: api.clock.now() },
    });
    expect((await client.closed).code).toBe(4403);
    await expect.poll(() => [...open].filter((signal) => !already.has(signal)).length).toBe(0);
  });

  test('G10 a socket that no longer answers pings is cut off', async () => {
    const deaf = await signedIn(key, { autoPong: false });
    const alive = await signedIn();
    expect((await deaf.closed).code).toBe(1006);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
    alive.socket.close();
  });
});

/** Lets the reads of apps wait until it is released. */
function holdStatements(own: TestApi): { reached: Promise<void>; release(): void } {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((started) => {
    interceptStatements(own.services.pool, 'FROM app ', async () => {
      started();
      await released;
      return { rows: [] };
    });
  });
  return { reached, release: () => release() };
}

describe('G14 closing', () => {
  test('G14 sockets are told with 1001, streams end, and what is under way is answered', async () => {
    const own = await startApi({ streams: { tasks: silence } });
    const ownKey = await own.key(await own.organization());
    const socket = new WebSocket(own.socketUrl, 'graphql-transport-ws');
    await new Promise((resolve) => socket.once('open', resolve));
    const gone = new Promise<number>((resolve) => socket.once('close', resolve));
    const sse = await own.send(
      jsonRequest(ownKey, { query: 'subscription { tasks { id } }' }, { accept: 'text/event-stream' }),
    );
    const ended = sse.text().catch(() => 'cut off');
    const answerNow = holdStatements(own);
    const running = own.ask(ownKey, '{ apps(first: 1) { edges { cursor } } }');
    await answerNow.reached;
    const closed = own.close();
    expect(await gone).toBe(1001);
    await ended;
    answerNow.release();
    expect((await running).errors).toBeUndefined();
    await closed;
    await expect(own.send({ path: '/health/live' })).rejects.toThrow();
  });
});
