import { createClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AppCounts } from '../../src/domain/app/counts.ts';
import { noSeats } from '../../src/domain/app/counts.ts';
import { jsonRequest, startApi, type TestApi } from './support/api.ts';

let api: TestApi;
let key: string;
let organizationId: bigint;
let running = 0;

/** Three counts, then silence until the reader goes away. */
async function* three({ signal }: { signal: AbortSignal }): AsyncGenerator<AppCounts> {
  running += 1;
  try {
    for (const used of [1n, 2n, 3n]) yield { ...noSeats(1n, null), used };
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  } finally {
    running -= 1;
  }
}

beforeAll(async () => {
  api = await startApi({ streams: { licenseCounts: three }, limits: { recheckKeyEvery: 50 } });
  organizationId = await api.organization();
  key = await api.key(organizationId);
});
afterAll(() => api.close());

const subscription = { query: 'subscription { licenseCounts { used } }' };
const accept = { accept: 'text/event-stream' };

describe('G10 server-sent events, distinct connections', () => {
  test('G10 the graphql-sse client reads the stream, and ending it ends the source', async () => {
    const client = createClient({
      url: `${api.url}/graphql`,
      headers: { authorization: `Bearer ${key}` },
      retryAttempts: 0,
    });
    const used: unknown[] = [];
    for await (const answer of client.iterate<{ licenseCounts: { used: number } }>(subscription)) {
      used.push(answer.data?.licenseCounts.used);
      if (used.length === 3) break;
    }
    expect(used).toEqual([1, 2, 3]);
    await expect.poll(() => running).toBe(0);
    client.dispose();
  });

  test('G10 queries are answered over it too', async () => {
    const client = createClient({
      url: `${api.url}/graphql`,
      headers: { authorization: `Bearer ${key}` },
      retryAttempts: 0,
    });
    const answers = [];
    for await (const answer of client.iterate({ query: '{ viewer { role } }' })) answers.push(answer.data);
    expect(answers).toEqual([{ viewer: { role: 'ADMINISTRATOR' } }]);
    client.dispose();
  });

  test('G10 the wire is that of the protocol: next events, then complete', async () => {
    const response = await api.send(jsonRequest(key, { query: '{ viewer { role } }' }, accept));
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const text = await response.text();
    expect(text.replace(/^:\n\n/gm, '')).toMatch(/^event: next\ndata: \{"data":.*\}\n\nevent: complete\ndata:\n\n$/);
  });

  test('G13 without a key there is no stream but 401', async () => {
    expect((await api.send(jsonRequest(null, subscription, accept))).status).toBe(401);
  });

  test('G13 a subscription without the right is an answer with FORBIDDEN', async () => {
    const employee = await api.key(organizationId, 'EMPLOYEE');
    const before = running;
    const response = await api.send(jsonRequest(employee, subscription, accept));
    expect(await response.text()).toContain('"code":"FORBIDDEN"');
    expect(running).toBe(before);
  });

  test('G10 a subscription asked for as JSON is refused', async () => {
    const response = await api.send(jsonRequest(key, subscription, { accept: 'application/json' }));
    expect(response.status).toBe(406);
    await expect.poll(() => running).toBe(0);
  });

  test('G13 a stream ends once its key is revoked', async () => {
    const doomed = await api.key(organizationId, 'APPSTORE_MANAGER');
    const response = await api.send(jsonRequest(doomed, subscription, accept));
    const ended = response.text().then(
      () => 'ended',
      () => 'cut off',
    );
    await expect.poll(() => running).toBe(1);
    await api.services.prisma.apiKey.updateMany({
      where: { role: 'APPSTORE_MANAGER' },
      data: { revokedAt: api.clock.now() },
    });
    expect(await ended).toBe('cut off');
    await expect.poll(() => running).toBe(0);
  });
});
