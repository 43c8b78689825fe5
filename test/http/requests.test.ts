import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, jsonRequest, startApi, type TestApi } from './support/api.ts';

let api: TestApi;
let key: string;
const viewer = { query: '{ viewer { role } }' };

beforeAll(async () => {
  api = await startApi({ limits: { maxBodyBytes: 100_000 } });
  key = await api.key(await api.organization());
});
afterAll(() => api.close());

const first = async (response: Response) => ((await response.json()) as Answer).errors![0]!;

describe('G16 requests', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/graphql',
    'multipart/form-data; boundary=x',
  ])('G16 %s is refused: only application/json is served', async (contentType) => {
    const response = await api.send({ ...jsonRequest(key, viewer, { 'content-type': contentType }) });
    expect(response.status).toBe(415);
    expect((await first(response)).extensions.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  test('G16 GET is refused for operations', async () => {
    const response = await api.send({
      path: '/graphql?query={viewer{role}}',
      headers: { authorization: `Bearer ${key}` },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  test('G16 no page of another origin is let in', async () => {
    const preflight = await api.send({
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(401);
    const answer = await api.send(jsonRequest(key, viewer, { origin: 'https://evil.example' }));
    for (const response of [preflight, answer]) {
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('G17 a body above the limit is refused with 413, by its length and without one', async () => {
    const big = JSON.stringify({ ...viewer, variables: { filler: 'x'.repeat(100_001) } });
    expect((await api.send({ ...jsonRequest(key, {}), body: big })).status).toBe(413);
    const stream = new Blob([big]).stream();
    const chunked = await api.send({ ...jsonRequest(key, {}), body: stream, duplex: 'half' } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  test('G17 several operations in one request are refused', async () => {
    const response = await api.send(jsonRequest(key, [viewer, viewer]));
    expect(response.status).toBe(400);
  });

  test('G16 application/graphql-response+json answers 400 to what can not be run', async () => {
    const accept = { accept: 'application/graphql-response+json' };
    for (const query of ['{', '{ nothingOfTheKind }', 'query($first: Int!) { apps(first: $first) { totalCount } }']) {
      const response = await api.send(jsonRequest(key, { query }, accept));
      expect([query, response.status]).toEqual([query, 400]);
      expect(response.headers.get('content-type')).toContain('application/graphql-response+json');
    }
  });

  test('G16 an unknown path is 404', async () => {
    expect((await api.send({ path: '/elsewhere' })).status).toBe(404);
  });
});

describe('G14 health', () => {
  test('G14 live and ready', async () => {
    expect((await api.send({ path: '/health/live' })).status).toBe(200);
    expect(await (await api.send({ path: '/health/ready' })).json()).toEqual({ status: 'ok' });
  });
});

describe('G8 explorer', () => {
  test('G8 GraphiQL is served to browsers, without the network, with a header editor and an example', async () => {
    const response = await api.send({ headers: { accept: 'text/html' } });
    const page = await response.text();
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(page).toContain('query Apps');
    expect(page).toContain('"isHeadersEditorEnabled":true');
    const outside = [...page.matchAll(/<(?:script|link)[^>]+(?:src|href)="(https?:[^"]+)"/g)].map((match) => match[1]);
    expect(outside).toEqual([]);
  });

  test('G8 it is not served where it is switched off', async () => {
    const closed = await startApi({ graphiql: false });
    expect((await closed.send({ headers: { accept: 'text/html' } })).status).toBe(401);
    await closed.close();
  });
});
