import type { AppCounts } from '../domain/app/counts.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { abortable } from './abortable.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { CountSourceEnum } from './enums.ts';
import { optionalRowId, rowIds } from './ids.ts';
import { needs } from './rights.ts';
import { TokenRef } from './token.ts';

export const LicenseCountsRef = builder.objectRef<AppCounts>('LicenseCounts').implement({
  description:
    'The seats of one app, over all tokens or those of one. `total = available + used − overdrawn`, unless unlimited.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    token: t.field({
      type: TokenRef,
      nullable: true,
      description: 'The one token that was counted; null when all were.',
      resolve: ({ tokenId }, _args, { loaders }) => (tokenId === null ? null : loaders.tokens.load(tokenId)),
    }),
    unlimited: t.exposeBoolean('unlimited', {
      description: 'It never runs out; then `total` and `available` are null.',
    }),
    total: t.expose('total', {
      type: 'Count',
      nullable: true,
      description: 'Licenses acquired, without retired ones.',
    }),
    available: t.expose('available', {
      type: 'Count',
      nullable: true,
      description: 'Licenses that can be given out now; never negative.',
    }),
    used: t.expose('used', {
      type: 'Count',
      description: 'Held by a device or user, or reserved for one while Apple is asked.',
    }),
    pending: t.expose('pending', { type: 'Count', description: 'The reserved part of `used`.' }),
    retired: t.expose('retired', { type: 'Count', description: 'Taken out of service by Apple; in no other number.' }),
    overdrawn: t.expose('overdrawn', {
      type: 'Count',
      description: 'In use beyond the total, as after a refund; nothing is given out then.',
    }),
    drift: t.expose('drift', {
      type: 'Count',
      description: 'What Russet counts as held, less what Apple last counted; looked into when it stays other than 0.',
    }),
    asOf: t.expose('asOf', {
      type: 'DateTime',
      nullable: true,
      description:
        "From when on it is right by Apple's word: its numbers were read, or it told or settled something. Of a sum, the oldest moment; null without a token.",
    }),
    source: t.expose('source', { type: CountSourceEnum, description: 'What `asOf` is the moment of.' }),
    lastDrift: t.expose('lastDrift', {
      type: 'Count',
      description:
        'What the last comparison with Apple, license by license, had to correct: licenses that Russet counted too many, or below 0 too few.',
    }),
    reconciledAt: t.expose('reconciledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When that was; null before the first time. Of a sum, of the part that waits longest.',
    }),
  }),
});

/** Most apps that one subscription names. */
const mostApps = 1000;

builder.subscriptionField('licenseCounts', (t) =>
  t.field({
    type: LicenseCountsRef,
    description:
      'The counts of apps now, and again whenever they move. A slow reader gets the newest of each app, not every change.',
    ...needs('apps:read'),
    args: {
      appIds: t.arg.idList({ description: 'Global ids of the apps, at most 1,000; all apps when absent.' }),
      tokenId: t.arg.id({ description: 'Count the licenses of this token only.' }),
    },
    subscribe: (_root, args, { streams, actor }) => {
      const appIds = rowIds('App', args.appIds, ['appIds']);
      if (appIds && appIds.length > mostApps) {
        throw new InvalidInputError([{ path: ['appIds'], message: `must name at most ${mostApps} apps` }]);
      }
      const tokenId = optionalRowId('Token', args.tokenId, ['tokenId']);
      return abortable((signal) =>
        streams.licenseCounts({ organizationId: actor.organizationId, appIds, tokenId, signal }),
      );
    },
    resolve: (counts) => counts,
  }),
);
