import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { connectLive, type TaskEvent } from '../../src/demo/live.ts';

/** What one subscription gets: items, then how it ends. */
interface Script {
  items: unknown[];
  end: 'complete' | 'break' | 'error' | 'stay';
}

const servers: WebSocketServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
});

/** A server that speaks graphql-transport-ws by a script, and writes down what it was asked. */
async function serve(scripts: Script[]) {
  const asked: Record<string, unknown>[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' });
  servers.push(server);
  await once(server, 'listening');
  server.on('connection', (socket) => {
    const say = (message: object) => socket.send(JSON.stringify(message));
    socket.on('message', (data) => {
      const { type, id, payload } = JSON.parse(String(data)) as {
        type: string;
        id: string;
        payload: { apiKey?: string; variables: Record<string, unknown> };
      };
      if (type === 'connection_init') {
        if (payload.apiKey === 'rk_good') say({ type: 'connection_ack' });
        else socket.close(4401, 'Sign in with a valid API key');
      }
      if (type !== 'subscribe') return;
      asked.push(payload.variables);
      const script = scripts.shift() ?? { items: [], end: 'stay' };
      for (const item of script.items) say({ type: 'next', id, payload: { data: item } });
      if (script.end === 'complete') say({ type: 'complete', id });
      if (script.end === 'break') socket.terminate();
      if (script.end === 'error')
        say({
          type: 'error',
          id,
          payload: [{ message: 'It is of another task.', extensions: { code: 'CURSOR_INVALID' } }],
        });
    });
  });
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/graphql`, asked };
}

function event(seq: number, state = 'RUNNING') {
  return { taskProgress: { cursor: `c${seq}`, seq, snapshot: seq === 1, expired: false, task: { state } } };
}

async function follow(url: string, apiKey = 'rk_good') {
  const live = connectLive({ url, apiKey }, new AbortController().signal);
  const events: TaskEvent[] = [];
  let reconnects = 0;
  try {
    for await (const one of live.task('task', () => {
      reconnects += 1;
    }))
      events.push(one);
  } finally {
    await live.close();
  }
  return { seqs: events.map(({ seq }) => seq), reconnects };
}

describe('the live connection of the demo', () => {
  it('follows a task to its last event', async () => {
    const { url, asked } = await serve([{ items: [event(1), event(2, 'SUCCEEDED')], end: 'complete' }]);
    expect(await follow(url)).toEqual({ seqs: [1, 2], reconnects: 0 });
    expect(asked).toEqual([{ taskId: 'task', after: null }]);
  });

  it('F1 goes on behind the last cursor when the connection breaks or the server ends the stream', async () => {
    const { url, asked } = await serve([
      { items: [event(1), event(2)], end: 'break' },
      { items: [event(3)], end: 'complete' },
      { items: [event(4, 'FAILED')], end: 'complete' },
    ]);
    expect(await follow(url)).toEqual({ seqs: [1, 2, 3, 4], reconnects: 2 });
    expect(asked.map(({ after }) => after)).toEqual([null, 'c2', 'c3']);
  });

  it('says what the API refused', async () => {
    const { url } = await serve([{ items: [], end: 'error' }]);
    await expect(follow(url)).rejects.toMatchObject({ code: 'CURSOR_INVALID', message: 'It is of another task.' });
  });

  it('says that the key is not good, and does not try again', async () => {
    const { url } = await serve([]);
    await expect(follow(url, 'rk_bad')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('stops watching the counts at once when it is told to, also while nothing comes', async () => {
    const counts = { licenseCounts: { total: 300, available: 300, used: 0, pending: 0 } };
    const { url } = await serve([{ items: [counts], end: 'stay' }]);
    const live = connectLive({ url, apiKey: 'rk_good' }, new AbortController().signal);
    const ended = new AbortController();
    const seen: unknown[] = [];
    for await (const one of live.counts('app', ended.signal)) {
      seen.push(one);
      setTimeout(() => ended.abort(), 10);
    }
    expect(seen).toEqual([counts.licenseCounts]);
    await live.close();
  });
});
