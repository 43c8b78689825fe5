import type { Invitation } from '../domain/vpp-user/invitation.ts';
import {
  countVppUsers,
  listVppUsers,
  type VppUserFilter,
  type VppUserRecordRow,
  type VppUserStanding,
} from '../domain/vpp-user/row.ts';
import { builder } from './builder.ts';
import { VppUserStatusEnum } from './enums.ts';
import { optionalRowId, rowId } from './ids.ts';
import { LicenseRef } from './license.ts';
import { asOfText, licensePage } from './license-pages.ts';
import { ownedPage } from './owned-lists.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';
import { VppUserRef } from './vpp-user-ref.ts';

const InvitationRef = builder.objectRef<Invitation>('VppInvitation').implement({
  description:
    'An open invitation. Whoever has it can link an Apple Account of theirs to the user: treat it as a secret.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The code that Apple gave the invitation.' }),
    url: t.exposeString('url', {
      nullable: true,
      description: 'The address that the user opens to accept it; null while Apple does not say where that is.',
    }),
    sentAt: t.expose('sentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When `inviteVppUsers` last handed it out; null when it never did. Russet sends no mail itself.',
    }),
    times: t.exposeInt('times', { description: 'How often it was handed out.' }),
  }),
});

const VppUserRecordRef = builder.objectRef<VppUserRecordRow>('VppUserRecord').implement({
  description: 'One record that Apple has or had of a user.',
  fields: (t) => ({
    status: t.expose('status', { type: VppUserStatusEnum, description: 'Where it stands or ended.' }),
    idHash: t.exposeString('idHash', {
      nullable: true,
      description: 'Stands for the Apple Account that it is or was linked to; null when it never was.',
    }),
    firstSeenAt: t.expose('firstSeenAt', {
      type: 'DateTime',
      description: 'When Russet first saw it: Apple has no dates.',
    }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When Russet last saw it change.' }),
  }),
});

rowNode(VppUserRef, 'vppUsers', {
  description: "A person in a token's library: for books and for licenses that are bound to a person.",
  fields: (t) => ({
    clientUserId: t.exposeString('clientUserId', {
      description: 'The id under which the library knows the person; chosen by whoever created them, for good.',
    }),
    status: t.expose('status', { type: VppUserStatusEnum, description: 'Where the person stands.' }),
    idHash: t.exposeString('idHash', {
      nullable: true,
      description: 'Stands for the Apple Account that the person is or was linked to; null when there never was one.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'E-mail address, as Apple has it.',
      ...needs('users:read'),
    }),
    managedAppleId: t.exposeString('managedAppleId', {
      nullable: true,
      description: 'The managed Apple Account that Russet last gave Apple; Apple never tells it.',
      ...needs('users:read'),
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: "The client's own word for the person; Apple never sees it.",
      ...needs('users:read'),
    }),
    externalId: t.exposeString('externalId', {
      nullable: true,
      description: "The client's own id of the person; Apple never sees it.",
      ...needs('users:read'),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When Russet met the person first.' }),
    updatedAt: t.expose('updatedAt', {
      type: 'DateTime',
      description: 'When something about the person last changed.',
    }),
    token: t.field({
      type: TokenRef,
      description: 'The token whose library the person is in; their licenses come from it.',
      resolve: ({ tokenId }, _args, { loaders }) => loaders.tokens.load(tokenId).then((row) => row!),
    }),
    invitation: t.field({
      type: InvitationRef,
      nullable: true,
      description: 'The open invitation; null unless the person is REGISTERED. Needs the right to write users.',
      ...needs('users:write'),
      resolve: ({ id }, _args, { loaders }) => loaders.invitations.load(id),
    }),
    history: t.connection(
      {
        type: VppUserRecordRef,
        description: 'Every record that Apple is known to have had of the person, oldest first; at most one is active.',
        ...needs('users:read'),
        resolve: ({ id }, args, { loaders }) => ownedPage(loaders.recordsOfVppUser, id, args),
      },
      totalCount,
    ),
    licenses: t.connection(
      {
        type: LicenseRef,
        description:
          'The licenses that the person holds; ended ones are left out. One serves several devices of theirs.',
        ...needs('licenses:read'),
        args: { asOf: t.arg({ type: 'DateTime', description: asOfText }) },
        resolve: async (user, args, { loaders }, info) => {
          const owner = { kind: 'vppUser' as const, id: user.id, tokenId: null, asOf: args.asOf ?? null };
          const page = await licensePage(loaders.licensePages, owner, args, info);
          return { ...page, count: () => loaders.licensePages.count(owner) };
        },
      },
      totalCount,
    ),
  }),
});

builder.queryField('vppUser', (t) =>
  t.field({
    type: VppUserRef,
    nullable: true,
    description: 'One person; null when the organization has none such.',
    ...needs('users:read'),
    args: { id: t.arg.id({ required: true, description: 'Global id of the person.' }) },
    resolve: (_root, { id }, { loaders }) => loaders.vppUsers.load(rowId('VppUser', id, ['id'])),
  }),
);

builder.queryField('vppUsers', (t) =>
  t.connection(
    {
      type: VppUserRef,
      description: "The people in the tokens' libraries, in the order in which they were met.",
      ...needs('users:read'),
      args: {
        tokenId: t.arg.id({ description: 'Only those of this token.' }),
        statuses: t.arg({ type: [VppUserStatusEnum], description: 'Only those who stand so.' }),
        search: t.arg.string({
          description: 'Part of the name, e-mail address, external id or clientUserId, whatever the case.',
        }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const filter = filterOf(args, actor.organizationId);
        const window = idWindowOf(args);
        const found = await listVppUsers(rows, filter, window);
        return { ...pageOf(found, window, idCursor), count: () => countVppUsers(rows, filter) };
      },
    },
    totalCount,
  ),
);

interface VppUserArguments {
  tokenId?: string | null | undefined;
  statuses?: readonly VppUserStanding[] | null | undefined;
  search?: string | null | undefined;
}

function filterOf({ tokenId, statuses, search }: VppUserArguments, organizationId: bigint): VppUserFilter {
  return {
    organizationId,
    tokenId: optionalRowId('Token', tokenId, ['tokenId']),
    statuses: statuses ?? null,
    search: search?.trim() || null,
  };
}
