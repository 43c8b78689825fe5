import * as failures from '../domain/errors.ts';
import type { KeyedResult } from '../domain/idempotency.ts';
import { assignBooks } from '../domain/license/assign-books.ts';
import { createVppUsers } from '../domain/vpp-user/create.ts';
import { type InvitedUsers, inviteVppUsers, type SkippedUser } from '../domain/vpp-user/invite.ts';
import { spentLicenses, usersOfTask } from '../domain/vpp-user/of-task.ts';
import { retireVppUsers } from '../domain/vpp-user/retire.ts';
import { updateVppUsers } from '../domain/vpp-user/update.ts';
import { builder } from './builder.ts';
import { atMost } from './cost.ts';
import { VppUserStatusEnum } from './enums.ts';
import { globalId, optionalRowId, rowId, rowIds } from './ids.ts';
import { LicenseRef } from './license.ts';
import { ErrorPolicyEnum, keyText, taskPayload } from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { taskOf } from './task-of.ts';
import { VppUserRef } from './vpp-user-ref.ts';

const userTexts = {
  email: 'E-mail address, kept at Apple; Russet sends no mail to it.',
  managedAppleId:
    "Managed Apple Account of the token's own organization: the person is ASSOCIATED at once, without an invitation.",
  name: 'What the client calls the person; Apple never sees it.',
  externalId: "The client's own id of the person; Apple never sees it.",
};

const NewVppUserInput = builder.inputType('NewVppUserInput', {
  description: 'One person to be.',
  fields: (t) => ({
    email: t.string({ description: userTexts.email }),
    managedAppleId: t.string({ description: userTexts.managedAppleId }),
    name: t.string({ description: userTexts.name }),
    externalId: t.string({ description: userTexts.externalId }),
  }),
});

const CreateVppUsersInput = builder.inputType('CreateVppUsersInput', {
  description: 'People to make in one library.',
  fields: (t) => ({
    tokenId: t.id({ required: true, description: 'Global id of the token whose library they shall be in.' }),
    users: t.field({ type: [NewVppUserInput], required: true, description: 'The people, at most 10,000.' }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

const CreateVppUsersPayload = taskPayload('CreateVppUsersPayload', 'The people who are being made.');
builder.objectField(CreateVppUsersPayload, 'vppUserIds', (t) =>
  t.idList({
    description:
      'Global ids of the people, in the order in which they were given. They are REQUESTED until Apple has them.',
    resolve: async ({ taskIds }, _args, { rows, actor }) =>
      (await usersOfTask(rows, actor.organizationId, taskIds[0]!)).map((id) => globalId('VppUser', id)),
  }),
);

mutation('createVppUsers', {
  description:
    'Makes people in a library, each under an id that Russet chooses. With a managed Apple Account they are ASSOCIATED at once, otherwise REGISTERED with an invitation that `inviteVppUsers` hands out.',
  right: 'users:write',
  input: CreateVppUsersInput,
  payload: CreateVppUsersPayload,
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, { tokenId, ...input }) =>
    createVppUsers(domain, { ...input, tokenId: rowId('Token', tokenId, ['tokenId']) }),
});

const VppUserChangeInput = builder.inputType('VppUserChangeInput', {
  description: 'What to change of one person. An absent field is kept; null clears name and external id.',
  fields: (t) => ({
    vppUserId: t.id({ required: true, description: 'Global id of the person.' }),
    email: t.string({ description: userTexts.email }),
    managedAppleId: t.string({ description: userTexts.managedAppleId }),
    name: t.string({ description: userTexts.name }),
    externalId: t.string({ description: userTexts.externalId }),
  }),
});

const UpdateVppUsersInput = builder.inputType('UpdateVppUsersInput', {
  description: 'People to change.',
  fields: (t) => ({
    users: t.field({
      type: [VppUserChangeInput],
      required: true,
      description: 'The people, at most 10,000, each once.',
    }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

const UpdateVppUsersPayload = builder.objectRef<KeyedResult>('UpdateVppUsersPayload').implement({
  description: 'What an update did.',
  fields: (t) => ({
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that tells Apple; null when nothing was changed that Apple knows.',
      ...showsWritten,
      resolve: (query, { taskIds }, _args, context) => taskOf(query, taskIds[0], context),
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'The idempotency key was used before: this is the task of then, as it stands now.',
    }),
  }),
});

mutation('updateVppUsers', {
  description:
    'Changes people. Name and external id hold at once; e-mail address and managed Apple Account when the task has told Apple.',
  right: 'users:write',
  input: UpdateVppUsersInput,
  payload: UpdateVppUsersPayload,
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.UserNotActiveError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, input) =>
    updateVppUsers(domain, {
      ...input,
      users: input.users.map(({ vppUserId, ...user }, at) => ({
        ...user,
        vppUserId: rowId('VppUser', vppUserId, ['users', String(at), 'vppUserId']),
      })),
    }),
});

const InviteVppUsersInput = builder.inputType('InviteVppUsersInput', {
  description: 'Whose invitations to hand out.',
  fields: (t) => ({
    vppUserIds: t.idList({ required: true, description: 'Global ids of the people, at most 1,000.' }),
  }),
});

const SkippedVppUserRef = builder.objectRef<SkippedUser>('SkippedVppUser').implement({
  description: 'Somebody who has no open invitation.',
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the person.',
      resolve: ({ vppUserId }) => globalId('VppUser', vppUserId),
    }),
    status: t.field({
      type: VppUserStatusEnum,
      description: 'Where the person stands; REGISTERED when the code is not known yet.',
      resolve: ({ status }) => status as never,
    }),
  }),
});

const InviteVppUsersPayload = builder.objectRef<InvitedUsers>('InviteVppUsersPayload').implement({
  description: 'Whose invitations were handed out.',
  fields: (t) => ({
    vppUsers: t.field({
      type: [VppUserRef],
      description: 'The invited people; `invitation` has the link and the code.',
      extensions: { ...showsWritten.extensions, ...atMost(1_000).extensions },
      resolve: async ({ vppUserIds }, _args, { loaders }) =>
        (await Promise.all(vppUserIds.map((id) => loaders.vppUsers.load(id)))).map((user) => user!),
    }),
    skipped: t.field({
      type: [SkippedVppUserRef],
      description: 'People who have no open invitation.',
      ...atMost(1_000),
      resolve: ({ skipped }) => skipped,
    }),
  }),
});

mutation('inviteVppUsers', {
  description:
    'Hands out the open invitations of people, for the first time or again. Russet sends no mail: pass the link on by mail, message or device management. A second time gives the same link, for Apple has one while it is open.',
  right: 'users:write',
  input: InviteVppUsersInput,
  payload: InviteVppUsersPayload,
  failures: [failures.NotFoundError],
  run: ({ domain }, { vppUserIds }) =>
    inviteVppUsers(domain, { vppUserIds: rowIds('VppUser', vppUserIds, ['vppUserIds'])! }),
});

/** What it means to remove the apps of people who retire. */
export const removeAppsText =
  'Remove the apps of their licenses from their devices, too: from those that are assigned to them, and those that tell of their Apple Account. Needs the right to write devices. The licenses don’t wait for it. An app that another license allows there stays.';

const RetireVppUsersInput = builder.inputType('RetireVppUsersInput', {
  description: 'People to retire.',
  fields: (t) => ({
    vppUserIds: t.idList({ required: true, description: 'Global ids of the people, at most 10,000.' }),
    removeApps: t.boolean({ description: removeAppsText }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

/** Most licenses that a retirement names as spent. */
const maxSpent = 100;

const RetireVppUsersPayload = taskPayload('RetireVppUsersPayload', 'The retirement that is under way now.');
builder.objectField(RetireVppUsersPayload, 'staySpent', (t) =>
  t.field({
    type: [LicenseRef],
    description:
      'Licenses of these people that Apple never takes back, as those of books: they stay spent. The first 100; all of them are in `vppUser { licenses }`.',
    extensions: { ...showsWritten.extensions, ...atMost(100).extensions },
    resolve: async ({ taskIds }, _args, { rows, loaders, actor }) => {
      const ids = await spentLicenses(rows, actor.organizationId, taskIds[0]!, maxSpent);
      return (await Promise.all(ids.map((id) => loaders.licenses.load(id)))).map((license) => license!);
    },
  }),
);

mutation('retireVppUsers', {
  description:
    'Retires people: their licenses are taken back first, as far as Apple allows, then Apple retires them. Items of the task are the licenses, the people and, with `removeApps`, the pairs of app and device.',
  right: 'users:write',
  input: RetireVppUsersInput,
  payload: RetireVppUsersPayload,
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.UserNotActiveError,
    failures.MdmNotConnectedError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, { vppUserIds, ...input }) =>
    retireVppUsers(domain, { ...input, vppUserIds: rowIds('VppUser', vppUserIds, ['vppUserIds'])! }),
});

const AssignBooksInput = builder.inputType('AssignBooksInput', {
  description: 'Which books, to whom.',
  fields: (t) => ({
    appIds: t.idList({ required: true, description: 'Global ids of the books, at most 1,000.' }),
    vppUserIds: t.idList({
      required: true,
      description: 'Global ids of the people. At most 10,000 pairs of book and person.',
    }),
    tokenId: t.id({ description: 'The token of all these people; it need not be named.' }),
    confirmIrrevocable: t.boolean({
      description: 'Spend the licenses for good. Without it nothing is done, and the refusal says what would be spent.',
    }),
    onError: t.field({
      type: ErrorPolicyEnum,
      description: 'What a refused item does to the others; ATOMIC when absent.',
    }),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

mutation('assignBooks', {
  description:
    'Gives books to people. Apple never takes a book back, so each license is spent for good and `confirmIrrevocable` is needed.',
  right: 'licenses:write',
  input: AssignBooksInput,
  payload: taskPayload('AssignBooksPayload', 'The assignment that is under way now.'),
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.ConfirmationRequiredError,
    failures.UserNotActiveError,
    failures.NoLicensesAvailableError,
    failures.NoTokenForAppError,
    failures.AlreadyLicensedError,
    failures.RevokeInProgressError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, { appIds, vppUserIds, tokenId, ...input }) =>
    assignBooks(domain, {
      ...input,
      appIds: rowIds('App', appIds, ['appIds'])!,
      vppUserIds: rowIds('VppUser', vppUserIds, ['vppUserIds'])!,
      tokenId: optionalRowId('Token', tokenId, ['tokenId']),
    }),
});
