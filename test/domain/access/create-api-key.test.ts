import { afterAll, beforeAll, expect, test } from 'vitest';
import { authenticate } from '../../../src/domain/access/authenticate.ts';
import { createApiKey } from '../../../src/domain/access/create-api-key.ts';
import { revokeApiKey } from '../../../src/domain/access/revoke-api-key.ts';
import type { KeyActor, Scope } from '../../../src/domain/actor.ts';
import type { Context } from '../../../src/domain/context.ts';
import {
  ForbiddenError,
  InvalidInputError,
  NotFoundError,
  type ScopeExceededError,
} from '../../../src/domain/errors.ts';
import { startApi, type TestApi } from '../../http/support/api.ts';

let api: TestApi;
let organizationId: bigint;

beforeAll(async () => {
  api = await startApi();
  organizationId = await api.organization();
});
afterAll(() => api.close());

function as(scopes: Scope[], role: KeyActor['role'] = 'ADMINISTRATOR'): Context {
  const actor: KeyActor = { kind: 'API_KEY', organizationId, apiKeyId: 7n, name: 'maker', role, scopes };
  return { ...api.services, actor, correlationId: 'test' };
}
const audit = () => api.services.prisma.auditEntry.findMany({ orderBy: { id: 'asc' } });

test('G13 the raw key is shown once and only its hash is stored', async () => {
  const { key, apiKeyId } = await createApiKey(as(['keys:write']), { name: 'Console', role: 'ADMINISTRATOR' });
  expect(key).toMatch(/^rk_[\w-]{43}$/);
  const row = await api.services.prisma.apiKey.findFirstOrThrow({ where: { id: apiKeyId } });
  expect(JSON.stringify(row, (_name, value) => (typeof value === 'bigint' ? String(value) : value))).not.toContain(
    key.slice(3),
  );
  expect(row.expiresAt?.toISOString()).toBe('2027-03-01T12:00:00.000Z');
  expect(JSON.stringify((await audit()).map((entry) => entry.data))).not.toContain(key.slice(3));
});

test('G13 without a list of rights a key gets those of its maker, and never more', async () => {
  const made = await createApiKey(as(['keys:write', 'apps:read']), { name: 'Copy', role: 'APPSTORE_MANAGER' });
  expect((await authenticate(api.services, made.key))?.scopes).toEqual(['apps:read', 'keys:write']);
  const greedy = createApiKey(as(['keys:write', 'apps:read']), {
    name: 'Greedy',
    role: 'ADMINISTRATOR',
    scopes: ['apps:read', 'tokens:write'],
  });
  await expect(greedy).rejects.toMatchObject({
    code: 'SCOPE_EXCEEDED',
    scopes: ['tokens:write'],
  } satisfies Partial<ScopeExceededError>);
});

test('G13 a key without keys:write, or of the third role, makes none', async () => {
  const input = { name: 'No', role: 'ADMINISTRATOR' } as const;
  await expect(createApiKey(as(['apps:read']), input)).rejects.toThrow(ForbiddenError);
  await expect(createApiKey(as(['keys:write'], 'EMPLOYEE'), input)).rejects.toThrow(ForbiddenError);
});

test('G13 a key ends in the future and at most five years from now', async () => {
  const make = (expiresAt: string) =>
    createApiKey(as(['keys:write']), { name: 'x', role: 'EMPLOYEE', expiresAt: new Date(expiresAt) });
  await expect(make('2026-03-01T12:00:00.000Z')).rejects.toThrow(InvalidInputError);
  await expect(make('2031-12-01T00:00:00.000Z')).rejects.toThrow(InvalidInputError);
  await expect(make('2031-02-28T00:00:00.000Z')).resolves.toBeDefined();
});

test('G13 when a key was last used is written at most once a minute', async () => {
  const { key, apiKeyId } = await createApiKey(as(['keys:write']), { name: 'used', role: 'ADMINISTRATOR' });
  const lastUsed = async () =>
    (await api.services.prisma.apiKey.findFirstOrThrow({ where: { id: apiKeyId } })).lastUsedAt;
  const start = api.clock.now();
  await authenticate(api.services, key);
  await api.clock.advance(59_999);
  await authenticate(api.services, key);
  expect(await lastUsed()).toEqual(start);
  await api.clock.advance(1);
  await authenticate(api.services, key);
  expect(await lastUsed()).toEqual(api.clock.now());
});

test('G18 making and revoking a key leave one entry each; revoking again leaves none', async () => {
  const context = as(['keys:write']);
  const before = (await audit()).length;
  const { apiKeyId } = await createApiKey(context, { name: 'short-lived', role: 'ADMINISTRATOR' });
  await revokeApiKey(context, { apiKeyId });
  await revokeApiKey(context, { apiKeyId });
  const entries = (await audit()).slice(before);
  expect(
    entries.map(({ action, actor, subject, correlationId }) => ({ action, actor, subject, correlationId })),
  ).toEqual([
    { action: 'api-key.create', actor: 'key:7', subject: `api-key:${apiKeyId}`, correlationId: 'test' },
    { action: 'api-key.revoke', actor: 'key:7', subject: `api-key:${apiKeyId}`, correlationId: 'test' },
  ]);
});

test('G13 the key of another organization can not be revoked', async () => {
  const foreign = await api.organization('Other');
  await api.key(foreign);
  const { id } = await api.services.prisma.apiKey.findFirstOrThrow({ where: { organizationId: foreign } });
  await expect(revokeApiKey(as(['keys:write']), { apiKeyId: id })).rejects.toThrow(NotFoundError);
});
