import { builder } from './builder.ts';
import { nodeKey } from './ids.ts';

export const VppUserRef = builder.prismaNode('VppUser', {
  nullable: true,
  description: "A person in a token's library.",
  authScopes: { right: 'licenses:read' },
  select: { organizationId: true, id: true },
  id: { resolve: (user) => String(user.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    clientUserId: t.exposeString('clientUserId', { description: 'The id under which the library knows the person.' }),
    status: t.exposeString('status', {
      nullable: true,
      description: "Apple's status: `Registered`, `Associated` or `Retired`; null when not known.",
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When Russet met the person first.' }),
  }),
});
