/** A reader that stops reading must stall the source behind it, and cost no memory however long it stops. @module */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type AppCounts, noSeats } from '../../src/domain/app/counts.ts';
import { startApi, type TestApi } from './support/api.ts';

const events = 20_000;
/** As many as the buffers of the machine between the two ends can hold at this size: about 20 MiB. */
const most = 8_000;
const padding = Array.from({ length: 28 }, (_, index) => `${'field'.repeat(15)}${index}: used`).join(' ');
const query = `subscription { licenseCounts { used ${padding} } }`;

let api: TestApi;
let key: string;
let pulled = 0;
let open = 0;

async function* many(): AsyncGenerator<AppCounts> {
  open += 1;
  try {
    for (pulled = 0; pulled < events; pulled += 1) yield { ...noSeats(1n, null), used: BigInt(pulled) };
  } finally {
    open -= 1;
  }
}

beforeAll(async () => {
  api = await startApi({ streams: { licenseCounts: many } });
  key = await api.key(await api.organization());
});
afterAll(() => api.close());

/** Resolves with how many were pulled once that number no longer rises. */
async function stalledAt(): Promise<number> {
  let before = -1;
  let same = 0;
  await expect
    .poll(
      () => {
        same = pulled === before && pulled > 0 ? same + 1 : 0;
        before = pulled;
        return same;
      },
      { timeout: 20_000, interval: 50 },
    )
    .toBeGreaterThan(5);
  return pulled;
}

function openSse(): Promise<{ socket: Socket; resume(): void; read(): Promise<number> }> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: 'text/event-stream' };
    const sent = request(`${api.url}/graphql`, { method: 'POST', headers }, (response) => {
      response.pause();
      response.on('error', () => {});
      let seen = 0;
      let rest = '';
      const done = new Promise<number>((end) => response.on('end', () => end(seen)));
      response.socket.pause();
      resolve({
        socket: response.socket,
        resume: () => {
          response.on('data', (chunk: Buffer) => {
            const parts = (rest + String(chunk)).split('event: next');
            seen += parts.length - 1;
            rest = parts.at(-1)!.slice(-'event: next'.length);
          });
          response.resume();
          response.socket.resume();
        },
        read: () => done,
      });
    });
    sent.on('error', () => {});
    sent.end(JSON.stringify({ query }));
  });
}

test('G10 server-sent events: a paused reader stalls the source; one that reads on gets every event', async () => {
  const sse = await openSse();
  const held = await stalledAt();
  expect(held).toBeLessThan(most);
  sse.resume();
  expect(await sse.read()).toBe(events);
  expect(open).toBe(0);
});

test('G10 server-sent events: a paused reader that goes away ends the source', async () => {
  const sse = await openSse();
  await stalledAt();
  sse.socket.destroy();
  await expect.poll(() => open).toBe(0);
});

async function openPaused(): Promise<{ socket: WebSocket; finished: Promise<number> }> {
  const socket = new WebSocket(api.socketUrl, 'graphql-transport-ws');
  await new Promise((resolve) => socket.once('open', resolve));
  let seen = 0;
  const finished = new Promise<number>((resolve) => {
    socket.on('message', (data) => {
      const { type } = JSON.parse(String(data)) as { type: string };
      if (type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
        socket.pause();
      }
      if (type === 'next') seen += 1;
      if (type === 'complete') resolve(seen);
    });
  });
  socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: key } }));
  return { socket, finished };
}

test('G10 WebSocket: a paused reader stalls the source; one that reads on gets every event', async () => {
  pulled = 0;
  const { socket, finished } = await openPaused();
  const held = await stalledAt();
  expect(held).toBeLessThan(most);
  socket.resume();
  expect(await finished).toBe(events);
  socket.close();
});

test('G10 WebSocket: a paused reader that goes away ends the source', async () => {
  pulled = 0;
  const { socket } = await openPaused();
  await stalledAt();
  socket.terminate();
  await expect.poll(() => open).toBe(0);
});

test('G17 a socket on which too much waits to be sent is cut off', async () => {
  pulled = 0;
  const tight = await startApi({ streams: { licenseCounts: many }, limits: { maxBufferedBytes: 10_000 } });
  const tightKey = await tight.key(await tight.organization());
  const socket = new WebSocket(tight.socketUrl, 'graphql-transport-ws');
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('open', resolve));
  socket.once('message', () => {
    for (let id = 0; id < 50; id += 1) {
      socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: { query } }));
    }
    // A reader that keeps up would let nothing wait.
    socket.pause();
  });
  socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: tightKey } }));
  await expect.poll(() => pulled > 0 && open === 0, { timeout: 20_000 }).toBe(true);
  socket.resume();
  expect(await closed).toBe(1006);
  await tight.close();
});
