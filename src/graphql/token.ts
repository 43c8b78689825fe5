import type { TokenHoldings } from '../domain/errors.ts';
import type { IdWindow } from '../domain/id-window.ts';
import { markerState } from '../domain/installation/marker.ts';
import { listTokens, type TokenRow } from '../domain/token/row.ts';
import { daysLeft, isUsable, tokenState } from '../domain/token/state.ts';
import { builder } from './builder.ts';
import { AccountTypeEnum, CompletenessEnum, TokenSourceEnum } from './enums.ts';
import { rowId } from './ids.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { totalCount } from './total-count.ts';

export const TokenStateEnum = builder.enumType('TokenState', {
  description: 'What a token is good for: the worst of everything that holds, which has to be mended first.',
  values: {
    ACTIVE: { description: 'In use.' },
    EXPIRING: { description: 'In use, and to be renewed soon.' },
    REMOVING: {
      description:
        'Its licenses are being given back, after that it is removed; it gives no new ones. Cancelling that task keeps it.',
    },
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

export const ForeignServerRef = builder
  .objectRef<{ id: string; name: string; metadata: string }>('ForeignServer')
  .implement({
    description: 'Another management server that claimed a library.',
    fields: (t) => ({
      id: t.exposeString('id', { description: 'The id it claims under.' }),
      name: t.exposeString('name', { description: 'Its name.' }),
      metadata: t.exposeString('metadata', { description: 'What it says of itself, often its host.' }),
    }),
  });

const kinds: Record<keyof TokenHoldings, string> = {
  total: 'All of them.',
  devices: 'Held by devices.',
  users: 'Held by people.',
  reserved: 'Asked for, and not confirmed by Apple.',
  revoking: 'Just being taken back; they are among those held.',
  irrevocable: 'Held, and not to be taken back: Apple sold them so. They stay at Apple whatever is done.',
  external: 'Given outside of Russet.',
  apps: 'How many different apps they are of.',
  seats: 'Seats of subscriptions, beside the licenses. They stay at Apple when the token is removed.',
};

export const TokenHoldingsRef = builder.objectRef<TokenHoldings>('TokenHoldings').implement({
  description: 'Licenses of a token that have not ended, by kind; one license may be of several kinds.',
  fields: (t) =>
    Object.fromEntries(
      (Object.keys(kinds) as (keyof TokenHoldings)[]).map((kind) => [
        kind,
        t.expose(kind, { type: 'Count', description: kinds[kind] }),
      ]),
    ),
});

export const TokenRef = builder.objectRef<TokenRow>('Token');

rowNode(TokenRef, 'tokens', {
  description: 'An uploaded content token and the library of licenses that it opens. Its secret is never given out.',
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
      resolve: ({ expiresAt }, _args, { domain }) => daysLeft(expiresAt, domain.clock.now()),
    }),
    state: t.field({
      type: TokenStateEnum,
      description: 'What it is good for.',
      resolve: (token, _args, { domain }) => tokenState(token, domain.clock.now(), domain.settings),
    }),
    holdings: t.field({
      type: TokenHoldingsRef,
      description: 'What hangs on it here: look at it before `removeToken`.',
      ...needs('licenses:read'),
      resolve: ({ id }, _args, { loaders }) => loaders.tokenHoldings.load(id),
    }),
    usable: t.boolean({
      description:
        'Whether licenses can be given through it now: it is ACTIVE or EXPIRING, and the database is no copy of another installation (`viewer { installation { marker } }`).',
      resolve: (token, _args, { domain }) =>
        isUsable(tokenState(token, domain.clock.now(), domain.settings)) &&
        markerState(token.marker, domain.settings.installationId) !== 'FOREIGN',
    }),
    foreignServer: t.field({
      type: ForeignServerRef,
      nullable: true,
      description: 'Who claimed the library while the state is TAKEN_OVER.',
      resolve: ({ foreignMdm }) => foreignMdm,
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
      resolve: ({ completeness }) => completeness ?? 'NEVER',
    }),
    syncedAt: t.expose('syncedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a sync last brought it up to date.',
    }),
    fullySyncedAt: t.expose('fullSyncedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a sync last read all of it, license by license.',
    }),
    nextFullSyncAt: t.expose('fullDueAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When Russet reads all of it by itself.',
    }),
  }),
});

builder.queryField('tokens', (t) =>
  t.connection(
    {
      type: TokenRef,
      description: 'The tokens of the organization, in the order in which they are tried.',
      ...needs('tokens:read'),
      args: {
        removed: t.arg.boolean({ defaultValue: false, description: 'The removed ones in place of the present ones.' }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const tokens = await listTokens(rows, actor.organizationId, args.removed ?? false);
        const window = idWindowOf(args);
        return { ...pageOf(pick(tokens, window), window, idCursor), count: () => BigInt(tokens.length) };
      },
    },
    totalCount,
  ),
);

/** The tokens are few, and their order is not that of their ids. */
function pick(tokens: TokenRow[], { after, before, limit, fromEnd }: IdWindow): TokenRow[] {
  const place = (id: bigint) => tokens.findIndex((token) => token.id === id);
  const start = after === null ? 0 : place(after) + 1;
  const end = before === null || place(before) < 0 ? tokens.length : place(before);
  const between = tokens.slice(start, Math.max(start, end));
  return fromEnd ? between.slice(-limit) : between.slice(0, limit);
}

builder.queryField('token', (t) =>
  t.field({
    type: TokenRef,
    nullable: true,
    description: 'One token; null when the organization has none such.',
    args: { id: t.arg.id({ required: true, description: 'Global id of the token.' }) },
    resolve: (_root, args, { loaders }) => loaders.tokens.load(rowId('Token', args.id, ['id'])),
  }),
);
