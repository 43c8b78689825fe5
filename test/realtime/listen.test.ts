import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Listener, listen } from '../../src/db/listen.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { killListeners } from './support.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new Pool({ connectionString: database.url, max: 2 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

interface Heard {
  texts: string[];
  gaps: number;
}

async function hear(url = database.url, pulse = 15_000): Promise<{ heard: Heard; listener: Listener }> {
  const heard: Heard = { texts: [], gaps: 0 };
  const listener = await listen({
    url,
    channel: 'Some "channel"',
    onNotify: (text) => heard.texts.push(text),
    onReconnect: () => {
      heard.gaps += 1;
    },
    logger: silentLogger,
    clock: systemClock,
    retry: { base: 5, factor: 1, cap: 5 },
    pulse,
    patience: 200,
  });
  return { heard, listener };
}

const notify = (text: string) => pool.query('SELECT pg_notify($1, $2)', ['Some "channel"', text]);

test('F1 what is notified is heard, and nothing after the close', async () => {
  const { heard, listener } = await hear();
  await notify('one');
  await eventually(() => heard.texts.length === 1);
  await listener.close();
  await notify('two');
  expect(heard).toEqual({ texts: ['one'], gaps: 0 });
  const left = await eventually(async () => (await killListeners(pool)) === 0);
  expect(left).toBe(true);
});

test('F1 a killed connection comes back and tells that there was a gap, each time', async () => {
  const { heard, listener } = await hear();
  for (let times = 1; times <= 3; times += 1) {
    expect(await killListeners(pool)).toBe(1);
    await eventually(() => heard.gaps === times);
    await notify(`after ${times}`);
    await eventually(() => heard.texts.length === times);
  }
  expect(heard).toEqual({ texts: ['after 1', 'after 2', 'after 3'], gaps: 3 });
  expect(listener.reconnects).toBe(3);
  await listener.close();
});

test('F1 a peer that falls silent is noticed and replaced', async () => {
  const wire = await silenceableWire(database.url);
  const { heard, listener } = await hear(wire.url, 10);
  wire.silence();
  expect(await eventually(() => heard.gaps === 1)).toBe(true);
  await notify('loud again');
  expect(await eventually(() => heard.texts.includes('loud again'))).toBe(true);
  await listener.close();
  wire.close();
});

test('F1 the first connection must succeed', async () => {
  await expect(hear('postgres://nobody@127.0.0.1:1/none')).rejects.toThrow();
});

/** A way to the database whose present connections can be made to swallow everything without closing. */
async function silenceableWire(target: string): Promise<{ url: string; silence(): void; close(): void }> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectSocket(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as { port: number }).port);
  const silence = () => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { url: url.href, silence, close };
}
