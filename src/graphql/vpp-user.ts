import type { VppUserRow } from '../domain/vpp-user/row.ts';
import { builder } from './builder.ts';
import { rowNode } from './row-node.ts';

export const VppUserRef = builder.objectRef<VppUserRow>('VppUser');

rowNode(VppUserRef, 'vppUsers', {
  description: "A person in a token's library.",
  fields: (t) => ({
    clientUserId: t.exposeString('clientUserId', { description: 'The id under which the library knows the person.' }),
    status: t.exposeString('status', {
      nullable: true,
      description: "Apple's status: `Registered`, `Associated` or `Retired`; null when not known.",
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When Russet met the person first.' }),
  }),
});
