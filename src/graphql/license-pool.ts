import type { PoolOfToken } from '../domain/app/pool-row.ts';
import type { AppRow } from '../domain/app/row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { CountSourceEnum } from './enums.ts';
import { rowNode } from './row-node.ts';
import { TokenRef } from './token.ts';

export const LicensePoolRef = builder.objectRef<PoolOfToken>('LicensePool');

rowNode(LicensePoolRef, 'pools', {
  description: 'The licenses of one app in one token.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId) as Promise<AppRow>,
    }),
    token: t.expose('token', { type: TokenRef, description: 'The token.' }),
    pricingParam: t.exposeString('pricingParam', { description: "Apple's quality of the purchase: `STDQ` or `PLUS`." }),
    unlimited: t.exposeBoolean('unlimited', {
      description: 'It never runs out; then `total` and `available` are null.',
    }),
    total: t.expose('total', {
      type: 'Count',
      nullable: true,
      description: 'Licenses acquired, without retired ones.',
    }),
    used: t.expose('used', { type: 'Count', description: 'Held, or reserved while Apple is asked.' }),
    pending: t.expose('reserved', { type: 'Count', description: 'The reserved part of `used`.' }),
    available: t.expose('available', {
      type: 'Count',
      nullable: true,
      description: 'Licenses that can be given out now; never negative.',
    }),
    retired: t.expose('retired', { type: 'Count', description: 'Taken out of service by Apple; in no other number.' }),
    drift: t.expose('drift', {
      type: 'Count',
      description: 'What Russet counts as held, less what Apple last counted.',
    }),
    deviceAssignable: t.exposeBoolean('deviceAssignable', { description: 'Apple licenses it to devices.' }),
    revocable: t.exposeBoolean('revocable', { description: 'Licenses can be taken back.' }),
    supportedPlatforms: t.exposeStringList('supportedPlatforms', { description: 'Platforms that Apple names for it.' }),
    asOf: t.expose('asOf', {
      type: 'DateTime',
      description: "From when on the counts are right by Apple's word.",
    }),
    readAt: t.expose('readAt', {
      type: 'DateTime',
      description: "When Apple's own numbers, `total` among them, were read.",
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
    corrected: t.expose('corrected', {
      type: 'Count',
      description: 'How many licenses that comparison found or ended.',
    }),
    goneAt: t.expose('goneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when Apple no longer lists it.',
    }),
  }),
});
