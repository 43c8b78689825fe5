import { createApiKey } from '../domain/access/create-api-key.ts';
import { revokeApiKey } from '../domain/access/revoke-api-key.ts';
import { isScope } from '../domain/access/rights.ts';
import { NotFoundError, ScopeExceededError } from '../domain/errors.ts';
import { builder } from './builder.ts';
import { RoleEnum, ScopeEnum } from './enums.ts';
import { nodeKey, rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { needs } from './rights.ts';

builder.prismaNode('ApiKey', {
  nullable: true,
  description: 'A key of the API. Only a hash of it is kept.',
  select: { organizationId: true, id: true },
  id: { resolve: (key) => String(key.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What people call it.' }),
    role: t.expose('role', { type: RoleEnum, description: 'Its role.' }),
    scopes: t.field({
      type: [ScopeEnum],
      description: 'Its rights.',
      select: { scopes: true },
      resolve: (key) => key.scopes.filter(isScope),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ends; null for never.',
    }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When somebody ended it.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute; null when it never was.',
    }),
  }),
});

builder.queryField('apiKeys', (t) =>
  t.prismaConnection({
    type: 'ApiKey',
    cursor: 'organizationId_id',
    description: 'The API keys of the organization, newest first, revoked and expired ones too.',
    ...needs('keys:read'),
    totalCount: (_root, _args, { db }) => db.apiKey.count(),
    resolve: (query, _root, _args, { db }) => db.apiKey.findMany({ ...query, orderBy: { id: 'desc' } }),
  }),
);

const CreateApiKeyInput = builder.inputType('CreateApiKeyInput', {
  description: 'What the new key shall be.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What people call it, at most 100 characters.' }),
    role: t.field({ type: RoleEnum, required: true, description: 'Its role.' }),
    scopes: t.field({
      type: [ScopeEnum],
      description: 'Its rights, at most those of the key that asks; all of them when absent.',
    }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it ends; in one year when absent, in five at most.' }),
  }),
});

const CreateApiKeyPayload = builder.objectRef<{ apiKeyId: bigint; key: string }>('CreateApiKeyPayload').implement({
  description: 'The new key.',
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'What clients send as `Authorization: Bearer …`. Shown this once and never again.',
    }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      description: 'What is kept of it.',
      resolve: (query, { apiKeyId }, _args, { db, actor }) =>
        db.apiKey.findUniqueOrThrow({ ...query, where: nodeKey(actor.organizationId, apiKeyId) }),
    }),
  }),
});

mutation('createApiKey', {
  description: 'Makes an API key, which may do at most what the key that asks may.',
  right: 'keys:write',
  input: CreateApiKeyInput,
  payload: CreateApiKeyPayload,
  failures: [ScopeExceededError],
  run: ({ domain }, input) => createApiKey(domain, input),
});

const RevokeApiKeyInput = builder.inputType('RevokeApiKeyInput', {
  description: 'Which key to end.',
  fields: (t) => ({ apiKeyId: t.id({ required: true, description: 'Global id of the key.' }) }),
});

const RevokeApiKeyPayload = builder.objectRef<{ apiKeyId: bigint }>('RevokeApiKeyPayload').implement({
  description: 'The key that was ended.',
  fields: (t) => ({
    apiKey: t.prismaField({
      type: 'ApiKey',
      description: 'The key.',
      resolve: (query, { apiKeyId }, _args, { db, actor }) =>
        db.apiKey.findUniqueOrThrow({ ...query, where: nodeKey(actor.organizationId, apiKeyId) }),
    }),
  }),
});

mutation('revokeApiKey', {
  description:
    'Ends a key for good: requests are refused within a second, sockets that it opened are closed within a minute.',
  right: 'keys:write',
  input: RevokeApiKeyInput,
  payload: RevokeApiKeyPayload,
  failures: [NotFoundError],
  run: ({ domain }, input) => revokeApiKey(domain, { apiKeyId: rowId('ApiKey', input.apiKeyId, ['apiKeyId']) }),
});
