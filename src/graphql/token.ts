import { daysLeft, tokenState } from '../domain/token/state.ts';
import { builder } from './builder.ts';
import { AccountTypeEnum, CompletenessEnum, TokenSourceEnum } from './enums.ts';
import { readableBy } from './granted.ts';
import { nodeKey, rowId } from './ids.ts';

export const TokenStateEnum = builder.enumType('TokenState', {
  description: 'What a token is good for: the worst of everything that holds, which has to be mended first.',
  values: {
    ACTIVE: { description: 'In use.' },
    EXPIRING: { description: 'In use, and to be renewed soon.' },
    READ_ONLY: {
      description: 'Its library can be read and not changed: it was made by an account that may only read.',
    },
    EXPIRED: { description: 'Past its date.' },
    TAKEN_OVER: { description: 'Another server claimed the library; `claimToken` takes it back.' },
    REVOKED: { description: 'Apple revoked it.' },
    INVALID: { description: 'Apple does not accept it.' },
    INCOMPLETE: { description: 'It lacks the e-mail address for notices.' },
    REMOVED: { description: 'Removed from the organization.' },
  } as const,
});

const ForeignServerRef = builder.objectRef<{ id: string; name: string; metadata: string }>('ForeignServer').implement({
  description: 'Another management server that claimed a library.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'The id it claims under.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    metadata: t.exposeString('metadata', { description: 'What it says of itself, often its host.' }),
  }),
});

builder.prismaNode('Token', {
  nullable: true,
  description: 'An uploaded content token and the library of licenses that it opens. Its secret is never given out.',
  authScopes: readableBy('tokens:read'),
  select: { organizationId: true, id: true },
  id: { resolve: (token) => String(token.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    uId: t.exposeString('uId', { description: "Apple's id of the library." }),
    label: t.exposeString('label', { description: 'What the organization calls it.' }),
    source: t.expose('source', { type: TokenSourceEnum, description: 'Whose it is.' }),
    providedBy: t.exposeString('providedBy', {
      nullable: true,
      description: 'Who provides it, when it is not their own.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'Where notices of its expiry go. Given by people: Apple names no address.',
    }),
    region: t.exposeString('region', { description: 'Storefront for names and prices, ISO 3166-1 alpha-2.' }),
    accountType: t.expose('accountType', { type: AccountTypeEnum, description: 'Where it was issued.' }),
    organizationName: t.exposeString('organizationName', { description: "The organization's name in the token file." }),
    locationName: t.exposeString('locationName', { nullable: true, description: "Apple's name of the location." }),
    position: t.exposeInt('position', {
      description: 'Its place in the order in which tokens are tried; the smallest is first.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it expires.' }),
    daysLeft: t.int({
      description: 'Whole days until it expires, rounded down; negative after it.',
      select: { expiresAt: true },
      resolve: ({ expiresAt }, _args, { domain }) => daysLeft(expiresAt, domain.clock.now()),
    }),
    state: t.field({
      type: TokenStateEnum,
      description: 'What it is good for.',
      select: { email: true, condition: true, expiresAt: true, removedAt: true },
      resolve: (token, _args, { domain }) => tokenState(token, domain.clock.now(), domain.settings),
    }),
    foreignServer: t.field({
      type: ForeignServerRef,
      nullable: true,
      description: 'Who claimed the library while the state is TAKEN_OVER.',
      select: { foreignMdm: true },
      resolve: ({ foreignMdm }) => foreignMdm as { id: string; name: string; metadata: string } | null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was uploaded first.' }),
    renewedAt: t.expose('renewedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its file was last replaced.',
    }),
    completeness: t.field({
      type: CompletenessEnum,
      description: 'How much of its library was read.',
      select: { sync: { select: { completeness: true } } },
      resolve: ({ sync }) => sync?.completeness ?? 'NEVER',
    }),
    syncedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a sync last read all of it.',
      select: { sync: { select: { syncedAt: true } } },
      resolve: ({ sync }) => sync?.syncedAt ?? null,
    }),
  }),
});

builder.queryField('tokens', (t) =>
  t.prismaConnection({
    type: 'Token',
    cursor: 'organizationId_id',
    description: 'The tokens of the organization, in the order in which they are tried.',
    authScopes: { right: 'tokens:read' },
    args: {
      removed: t.arg.boolean({ defaultValue: false, description: 'The removed ones in place of the present ones.' }),
    },
    totalCount: (_root, args, { db }) => db.token.count({ where: { removedAt: args.removed ? { not: null } : null } }),
    resolve: (query, _root, args, { db }) =>
      db.token.findMany({
        ...query,
        where: { removedAt: args.removed ? { not: null } : null },
        orderBy: [{ position: 'asc' }, { id: 'asc' }],
      }),
  }),
);

builder.queryField('token', (t) =>
  t.prismaField({
    type: 'Token',
    nullable: true,
    description: 'One token; null when the organization has none such.',
    authScopes: { right: 'tokens:read' },
    args: { id: t.arg.id({ required: true, description: 'Global id of the token.' }) },
    resolve: (query, _root, args, { db, actor }) =>
      db.token.findUnique({ ...query, where: nodeKey(actor.organizationId, rowId('Token', args.id, ['id'])) }),
  }),
);
