import { builder } from './builder.ts';
import { nodeKey } from './ids.ts';

builder.prismaNode('LicensePool', {
  nullable: true,
  description: 'The licenses of one app in one token.',
  authScopes: { right: 'apps:read' },
  select: { organizationId: true, id: true },
  id: { resolve: (pool) => String(pool.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    app: t.relation('app', { description: 'The app.' }),
    token: t.relation('token', { description: 'The token.', authScopes: { right: 'tokens:read' } }),
    pricingParam: t.exposeString('pricingParam', { description: "Apple's quality of the purchase: `STDQ` or `PLUS`." }),
    unlimited: t.exposeBoolean('unlimited', {
      description: 'It never runs out; then `total` and `available` are null.',
    }),
    total: t.field({
      type: 'Count',
      nullable: true,
      description: 'Licenses acquired, without retired ones.',
      select: { total: true, unlimited: true },
      resolve: ({ total, unlimited }) => (unlimited ? null : total),
    }),
    used: t.field({
      type: 'Count',
      description: 'Held, or reserved while Apple is asked.',
      select: { held: true, reserved: true },
      resolve: ({ held, reserved }) => held + reserved,
    }),
    pending: t.expose('reserved', { type: 'Count', description: 'The reserved part of `used`.' }),
    available: t.field({
      type: 'Count',
      nullable: true,
      description: 'Licenses that can be given out now; never negative.',
      select: { total: true, held: true, reserved: true, unlimited: true },
      resolve: ({ total, held, reserved, unlimited }) => {
        if (unlimited) return null;
        const free = total - held - reserved;
        return free < 0n ? 0n : free;
      },
    }),
    retired: t.expose('retired', { type: 'Count', description: 'Taken out of service by Apple; in no other number.' }),
    drift: t.field({
      type: 'Count',
      description: 'What Russet counts as held, less what Apple last counted.',
      select: { held: true, appleAssigned: true },
      resolve: ({ held, appleAssigned }) => held - appleAssigned,
    }),
    deviceAssignable: t.exposeBoolean('deviceAssignable', { description: 'Apple licenses it to devices.' }),
    revocable: t.exposeBoolean('revocable', { description: 'Licenses can be taken back.' }),
    supportedPlatforms: t.exposeStringList('supportedPlatforms', { description: 'Platforms that Apple names for it.' }),
    asOf: t.expose('appleAsOf', { type: 'DateTime', description: "When Apple's numbers were read." }),
    goneAt: t.expose('goneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when Apple no longer lists it.',
    }),
  }),
});
