import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { jsonRequest, startApi, type TestApi } from './support/api.ts';

let api: TestApi;
let organizationId: bigint;
let key: string;
const brokenDocument = { query: '{ this is not GraphQL' };

beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
  key = await api.key(organizationId);
});
afterAll(() => api.close());

const code = async (response: Response) =>
  ((await response.json()) as { errors: { extensions: { code: string } }[] }).errors[0]?.extensions.code;

describe('G13 sign-in with API keys', () => {
  test.each([null, 'rk_short', `rk_${'A'.repeat(43)}`])(
    'G13 %s is refused with 401 before the document is looked at',
    async (wrong) => {
      const response = await api.send(jsonRequest(wrong, brokenDocument));
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await code(response)).toBe('UNAUTHENTICATED');
    },
  );

  test('G13 a good key is told about its broken document', async () => {
    const response = await api.send(jsonRequest(key, brokenDocument));
    expect(await code(response)).toBe('GRAPHQL_PARSE_FAILED');
  });

  test('G13 viewer says who asks', async () => {
    const answer = await api.ask(
      key,
      '{ viewer { id name role scopes organization { name timeZone } installation { mode version pollIntervals { pollEvery } } } }',
    );
    expect(answer.errors).toBeUndefined();
    expect(answer.data.viewer).toMatchObject({
      name: 'ADMINISTRATOR of the tests',
      role: 'ADMINISTRATOR',
      organization: { name: 'Example School', timeZone: 'UTC' },
      installation: { mode: 'SANDBOX', version: '0.0.0-test', pollIntervals: { pollEvery: 500 } },
    });
    expect(answer.data.viewer.scopes).toContain('TOKENS_WRITE');
  });

  test('G13 a key stops working when it expires', async () => {
    const short = await api.ask(
      key,
      'mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { ... on CreateApiKeyPayload { key } } }',
      {
        input: { name: 'short', role: 'APPSTORE_MANAGER', expiresAt: '2026-03-01T12:00:10.000Z' },
      },
    );
    const shortKey: string = short.data.createApiKey.key;
    expect((await api.ask(shortKey, '{ viewer { role } }')).data.viewer.role).toBe('APPSTORE_MANAGER');
    await api.clock.advance(10_000);
    expect((await api.send(jsonRequest(shortKey, { query: '{ viewer { role } }' }))).status).toBe(401);
  });

  test('G13 a key stops working when it is revoked', async () => {
    const other = await api.key(organizationId, 'APPSTORE_MANAGER');
    const { data } = await api.ask(other, '{ viewer { id } }');
    const revoked = await api.ask(
      key,
      'mutation($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename ... on RevokeApiKeyPayload { apiKey { revokedAt } } } }',
      { input: { apiKeyId: data.viewer.id } },
    );
    expect(revoked.data.revokeApiKey.apiKey.revokedAt).toBe(api.clock.now().toISOString());
    expect((await api.send(jsonRequest(other, { query: '{ viewer { role } }' }))).status).toBe(401);
  });

  test('G13 every answer carries a correlation id, the one that was sent when it is a plain one', async () => {
    const headers = { 'x-correlation-id': 'my-request-0001' };
    expect((await api.send(jsonRequest(null, {}, headers))).headers.get('x-correlation-id')).toBe('my-request-0001');
    const strange = await api.send(jsonRequest(null, {}, { 'x-correlation-id': '<script>' }));
    expect(strange.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
