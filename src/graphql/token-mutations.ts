import * as failures from '../domain/errors.ts';
import { type StartedSync, syncLicenses } from '../domain/sync/start.ts';
import { claimToken } from '../domain/token/claim.ts';
import { type RemovedToken, removeToken } from '../domain/token/remove.ts';
import { renewToken } from '../domain/token/renew.ts';
import { reorderTokens } from '../domain/token/reorder.ts';
import { listTokens } from '../domain/token/row.ts';
import { updateToken } from '../domain/token/update.ts';
import { uploadToken } from '../domain/token/upload.ts';
import { builder } from './builder.ts';
import { atMost } from './cost.ts';
import { TokenSourceEnum } from './enums.ts';
import { globalId, rowId, rowIds } from './ids.ts';
import { LicenseRef } from './license.ts';
import { mutation, withoutNulls } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { sureTaskOf, taskOf } from './task-of.ts';
import { TokenHoldingsRef, TokenRef, TokenStateEnum } from './token.ts';

const fileText =
  "The token file's text as it was downloaded, with its line breaks and all. It is kept encrypted and never given out.";
const force = 'Take the file although it expires before the one in use.';

/** A payload that shows the token, and more. */
export function tokenPayload<Shape extends { tokenId: bigint }>(name: string, description: string) {
  const ref = builder.objectRef<Shape>(name).implement({ description });
  builder.objectField(ref, 'token', (t) =>
    t.field({
      type: TokenRef,
      description: 'The token as it is now.',
      ...showsWritten,
      resolve: (payload, _args, { loaders }) => loaders.tokens.load((payload as Shape).tokenId).then((row) => row!),
    }),
  );
  return ref;
}

const UploadTokenInput = builder.inputType('UploadTokenInput', {
  description: 'A token file and what Apple does not know of it.',
  fields: (t) => ({
    file: t.string({ required: true, description: fileText }),
    email: t.string({ description: 'Where notices of its expiry go. Without it the token stays INCOMPLETE.' }),
    region: t.string({
      description: "Storefront for names and prices, ISO 3166-1 alpha-2; Apple's answer when absent.",
    }),
    label: t.string({ description: 'What the organization calls it; the name of its location when absent.' }),
    source: t.field({ type: TokenSourceEnum, description: 'Whose it is; OWN when absent.' }),
    providedBy: t.string({ description: 'Who provides it, when it is not their own.' }),
    force: t.boolean({ description: force }),
  }),
});

const UploadTokenPayload = tokenPayload<{ tokenId: bigint; renewed: boolean; changed: boolean; warnings: string[] }>(
  'UploadTokenPayload',
  'What an upload did.',
);
builder.objectFields(UploadTokenPayload, (t) => ({
  renewed: t.exposeBoolean('renewed', { description: 'The library was known: its token was renewed in place.' }),
  changed: t.exposeBoolean('changed', { description: 'False when the very same file was uploaded again.' }),
  warnings: t.exposeStringList('warnings', { description: 'What is allowed but deserves a look, as sentences.' }),
}));

mutation('uploadToken', {
  description: 'Adds a token, or renews the one of the same library in place: a library is never counted twice.',
  right: 'tokens:write',
  input: UploadTokenInput,
  payload: UploadTokenPayload,
  failures: [
    failures.InvalidTokenFileError,
    failures.OlderTokenFileError,
    failures.AppleUnavailableError,
    failures.AppleRefusedError,
  ],
  run: ({ domain }, input) => uploadToken(domain, input),
});

const UpdateTokenInput = builder.inputType('UpdateTokenInput', {
  description: 'Settings of a token to change; an absent one stays as it is.',
  fields: (t) => ({
    tokenId: t.id({ required: true, description: 'Global id of the token.' }),
    email: t.string({ description: 'Where notices of its expiry go. It completes an INCOMPLETE token.' }),
    region: t.string({ description: 'Storefront for names and prices, ISO 3166-1 alpha-2.' }),
    label: t.string({ description: 'What the organization calls it.' }),
    source: t.field({ type: TokenSourceEnum, description: 'Whose it is.' }),
    providedBy: t.string({ description: 'Who provides it; null clears it.' }),
  }),
});

mutation('updateToken', {
  description: "Changes a token's settings.",
  right: 'tokens:write',
  input: UpdateTokenInput,
  payload: tokenPayload('UpdateTokenPayload', 'The changed token.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, { tokenId, providedBy, ...input }) => {
    const changes = { ...withoutNulls(input), ...(providedBy === undefined ? {} : { providedBy }) };
    return { tokenId: await updateToken(domain, { ...changes, tokenId: rowId('Token', tokenId, ['tokenId']) }) };
  },
});

const RenewTokenInput = builder.inputType('RenewTokenInput', {
  description: 'A new file for a token.',
  fields: (t) => ({
    tokenId: t.id({ required: true, description: 'Global id of the token.' }),
    file: t.string({ required: true, description: fileText }),
    force: t.boolean({ description: force }),
  }),
});

const RenewTokenPayload = tokenPayload<{ tokenId: bigint; changed: boolean }>(
  'RenewTokenPayload',
  'What a renewal did.',
);
builder.objectFields(RenewTokenPayload, (t) => ({
  changed: t.exposeBoolean('changed', { description: 'False when the very same file was uploaded again.' }),
}));

mutation('renewToken', {
  description: "Replaces a token's file before or after its expiry. Apps, licenses, order, settings and history stay.",
  right: 'tokens:write',
  input: RenewTokenInput,
  payload: RenewTokenPayload,
  failures: [
    failures.NotFoundError,
    failures.InvalidTokenFileError,
    failures.DifferentLibraryError,
    failures.OlderTokenFileError,
    failures.AppleUnavailableError,
    failures.AppleRefusedError,
  ],
  run: ({ domain }, input) => renewToken(domain, { ...input, tokenId: rowId('Token', input.tokenId, ['tokenId']) }),
});

const RemoveTokenInput = builder.inputType('RemoveTokenInput', {
  description: 'Which token to remove.',
  fields: (t) => ({
    tokenId: t.id({ required: true, description: 'Global id of the token.' }),
    releaseLicenses: t.boolean({
      description:
        'What becomes of the licenses that are held through it. True: everything is given back at Apple first, as a task that can be watched and cancelled; the token goes at its end. False: they stay as they are at Apple. Not said, a token that holds licenses or seats is not removed. Seats of subscriptions stay at Apple in either case: `removeSeats` takes them back before.',
    }),
    confirm: t.boolean({ description: 'The same as `releaseLicenses: false`.' }),
  }),
});

const RemoveTokenPayload = builder.objectRef<RemovedToken>('RemoveTokenPayload').implement({
  description: 'What a removal did, or began.',
  fields: (t) => ({
    tokenId: t.id({
      description: 'Global id of the token.',
      resolve: ({ tokenId }) => globalId('Token', tokenId),
    }),
    licensesLeft: t.expose('licensesLeft', {
      type: 'Count',
      description: 'Licenses that Russet forgets and Apple still lists; with a task, those that can not be taken back.',
    }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'Gives the licenses back and removes the token at its end; null when the token is gone already.',
      ...showsWritten,
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
  }),
});

builder.objectFields(failures.TokenHoldsLicensesError, (t) => ({
  holdings: t.expose('holdings', { type: TokenHoldingsRef, description: 'How many, by kind.' }),
  reserved: t.field({
    type: [LicenseRef],
    description: 'Up to 100 of those that Apple has not confirmed, the oldest first.',
    ...atMost(100),
    resolve: async (error, _args, { loaders }) => {
      const rows = await Promise.all(error.reserved.map((id) => loaders.licenses.load(id)));
      return rows.filter((row) => row !== null);
    },
  }),
}));

mutation('removeToken', {
  description: 'Removes a token and forgets its secret. An upload of the same library revives it with its history.',
  right: 'tokens:write',
  input: RemoveTokenInput,
  payload: RemoveTokenPayload,
  failures: [
    failures.NotFoundError,
    failures.TokenHoldsLicensesError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, input) => removeToken(domain, { ...input, tokenId: rowId('Token', input.tokenId, ['tokenId']) }),
});

const ReorderTokensInput = builder.inputType('ReorderTokensInput', {
  description: 'The new order of all tokens.',
  fields: (t) => ({
    tokenIds: t.idList({
      required: true,
      description: 'Global ids of all tokens, each once; the first one is tried first.',
    }),
  }),
});

const ReorderTokensPayload = builder.objectRef<{ tokenIds: bigint[] }>('ReorderTokensPayload').implement({
  description: 'The tokens in their new order.',
  fields: (t) => ({
    tokens: t.field({
      type: [TokenRef],
      description: 'The tokens.',
      ...showsWritten,
      resolve: (_payload, _args, { rows, actor }) => listTokens(rows, actor.organizationId, false),
    }),
  }),
});

mutation('reorderTokens', {
  description: 'Sets the order in which tokens are tried. Licenses given before stay where they are.',
  right: 'tokens:write',
  input: ReorderTokensInput,
  payload: ReorderTokensPayload,
  failures: [],
  run: async ({ domain }, { tokenIds }) => ({
    tokenIds: await reorderTokens(domain, { tokenIds: rowIds('Token', tokenIds, ['tokenIds'])! }),
  }),
});

const ClaimTokenInput = builder.inputType('ClaimTokenInput', {
  description: 'Which library to take over.',
  fields: (t) => ({ tokenId: t.id({ required: true, description: 'Global id of its token.' }) }),
});

mutation('claimToken', {
  description:
    'Takes the library over from the server that claimed it, whoever that is: the way back after TAKEN_OVER.',
  right: 'tokens:write',
  input: ClaimTokenInput,
  payload: tokenPayload('ClaimTokenPayload', 'The token of the library.'),
  failures: [
    failures.NotFoundError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
    failures.AppleUnavailableError,
    failures.AppleRefusedError,
  ],
  run: async ({ domain }, input) => ({
    tokenId: await claimToken(domain, { tokenId: rowId('Token', input.tokenId, ['tokenId']) }),
  }),
});

const StartedSyncRef = builder.objectRef<StartedSync>('StartedSync').implement({
  description: 'The sync of one token.',
  fields: (t) => ({
    token: t.field({
      type: TokenRef,
      description: 'The token.',
      ...showsWritten,
      resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId).then((row) => row!),
    }),
    task: t.prismaField({
      type: 'Task',
      description: 'Its task.',
      ...showsWritten,
      resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
    }),
    joined: t.exposeBoolean('joined', {
      description: 'A sync of the token was under way: this is its task, and it reads everything once more.',
    }),
  }),
});

const SkippedSyncRef = builder.objectRef<{ tokenId: bigint; state: string }>('SkippedSync').implement({
  description: "A token that can't be read now.",
  fields: (t) => ({
    tokenId: t.id({ description: 'Global id of the token.', resolve: ({ tokenId }) => globalId('Token', tokenId) }),
    state: t.field({
      type: TokenStateEnum,
      description: 'Why.',
      resolve: ({ state }) => state as typeof TokenStateEnum.$inferType,
    }),
  }),
});

const SyncLicensesInput = builder.inputType('SyncLicensesInput', {
  description: 'Which libraries to read.',
  fields: (t) => ({
    tokenIds: t.idList({ description: 'Global ids of their tokens; all tokens when absent.' }),
    full: t.boolean({
      description: 'Read all of each library, license by license, also where the changes since the last sync would do.',
    }),
  }),
});

const SyncLicensesPayload = builder
  .objectRef<Awaited<ReturnType<typeof syncLicenses>>>('SyncLicensesPayload')
  .implement({
    description: 'The syncs that are under way now.',
    fields: (t) => ({
      syncs: t.expose('syncs', { type: [StartedSyncRef], description: 'One for each token.' }),
      skipped: t.expose('skipped', {
        type: [SkippedSyncRef],
        description: "Tokens that can't be read now, when all were asked for.",
      }),
    }),
  });

mutation('syncLicenses', {
  description:
    "Reads libraries from Apple in the background. Seldom needed: Apple's notifications keep Russet up to date.",
  right: 'tokens:write',
  input: SyncLicensesInput,
  payload: SyncLicensesPayload,
  failures: [failures.NotFoundError, failures.TokenExpiredError, failures.TokenNotUsableError],
  run: ({ domain }, { tokenIds, full }) =>
    syncLicenses(domain, { tokenIds: rowIds('Token', tokenIds, ['tokenIds']), full }),
});
