/** What keeps seats from being given out: reserves of tokens and quotas of device groups. @module */
import { setGroupQuota } from '../domain/device-group/quota.ts';
import { NotFoundError } from '../domain/errors.ts';
import { type ReserveRow, setTokenReserve } from '../domain/token/reserve.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { groupPayload } from './device-group-mutations.ts';
import { optionalRowId, rowId } from './ids.ts';
import { mutation } from './mutation.ts';
import { ownedPage } from './owned-lists.ts';
import { showsWritten } from './rights.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';

const TokenReserveRef = builder.objectRef<ReserveRow>('TokenReserve').implement({
  description: 'Free licenses of an app in a token that only requests get which name the token.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      nullable: true,
      description: 'Of which app; null for each app that has no number of its own.',
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    seats: t.expose('seats', { type: 'Count', description: 'How many are left alone.' }),
  }),
});

builder.objectField(TokenRef, 'reserves', (t) =>
  t.connection(
    {
      type: TokenReserveRef,
      description: 'What requests leave alone in it unless they name it, the number for all apps first.',
      resolve: ({ id }, args, { loaders }) => ownedPage(loaders.reservesOfToken, id, args),
    },
    totalCount,
  ),
);

const SetTokenReserveInput = builder.inputType('SetTokenReserveInput', {
  description: 'How much is kept back in a token.',
  fields: (t) => ({
    tokenId: t.id({ required: true, description: 'Global id of the token.' }),
    appId: t.id({
      description: 'Global id of an app; when absent, the number is for each app without one of its own.',
    }),
    seats: t.int({ description: 'How many free licenses are left alone; absent or null forgets the number.' }),
  }),
});

const SetTokenReservePayload = builder.objectRef<{ tokenId: bigint }>('SetTokenReservePayload').implement({
  description: 'The token after the change.',
  fields: (t) => ({
    token: t.field({
      type: TokenRef,
      description: 'The token as it is now.',
      ...showsWritten,
      resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId).then((row) => row!),
    }),
  }),
});

mutation('setTokenReserve', {
  description:
    'Keeps free licenses of a token back: a request takes them only when it names the token. Licenses that are given already do not count.',
  right: 'tokens:write',
  input: SetTokenReserveInput,
  payload: SetTokenReservePayload,
  failures: [NotFoundError],
  run: async ({ domain }, input) => ({
    tokenId: await setTokenReserve(domain, {
      tokenId: rowId('Token', input.tokenId, ['tokenId']),
      appId: optionalRowId('App', input.appId, ['appId']),
      seats: input.seats,
    }),
  }),
});

const SetGroupQuotaInput = builder.inputType('SetGroupQuotaInput', {
  description: 'How much the devices of a group may hold.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Global id of the group.' }),
    appId: t.id({ description: 'Global id of an app; when absent, all apps count together.' }),
    seats: t.int({ description: 'Most licenses; absent or null takes the limit away.' }),
  }),
});

mutation('setGroupQuota', {
  description:
    'Limits how many licenses of an app, or of all apps together, the devices of a group hold through all tokens. What they hold already stays. A device in several groups counts in each.',
  right: 'licenses:write',
  input: SetGroupQuotaInput,
  payload: groupPayload('SetGroupQuotaPayload', 'The group after the change.'),
  failures: [NotFoundError],
  run: async ({ domain }, input) => ({
    groupId: await setGroupQuota(domain, {
      groupId: rowId('DeviceGroup', input.groupId, ['groupId']),
      appId: optionalRowId('App', input.appId, ['appId']),
      seats: input.seats,
    }),
  }),
});
