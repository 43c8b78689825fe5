import { confirmInstallation, readMarker } from '../domain/installation/marker.ts';
import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { RoleEnum, ScopeEnum } from './enums.ts';
import { globalId } from './ids.ts';
import { mutation } from './mutation.ts';
import { needs } from './rights.ts';

const PollIntervalsRef = builder.objectRef<GraphQLContext['domain']['settings']>('PollIntervals').implement({
  description: 'How often Russet asks Apple how a write stands, in milliseconds.',
  fields: (t) => ({
    firstPollAfter: t.exposeInt('firstPollAfter', {
      description: 'From sending a write to the first question, in milliseconds.',
    }),
    firstPollWhenLive: t.exposeInt('firstPollWhenLive', {
      description:
        'The same for a token whose notifications come (`Token.notifications`): they settle most of it before.',
    }),
    pollEvery: t.exposeInt('pollEvery', { description: 'Between two questions about one write, in milliseconds.' }),
    pendingLimit: t.exposeInt('pendingLimit', {
      description:
        "After this many milliseconds a write that Apple still calls pending is compared with Apple's own list instead.",
    }),
    unknownOutcomeWait: t.exposeInt('unknownOutcomeWait', {
      description: "Milliseconds before a write of unknown outcome is compared with Apple's own list.",
    }),
  }),
});

const ModeEnum = builder.enumType('InstallationMode', {
  description: 'What an installation is connected to.',
  values: {
    SANDBOX: { description: 'To the simulator of Apple; nothing real happens.' },
    PRODUCTION: { description: 'To Apple.' },
  } as const,
});

const MarkerEnum = builder.enumType('InstallationMarker', {
  description: 'Whose database an installation works on.',
  values: {
    OWN: { description: 'Its own.' },
    UNMARKED: {
      description:
        'Nobody has named the installation (INSTALLATION_ID), so a copy of its database would not be noticed.',
    },
    FOREIGN: {
      description:
        'That of another installation: it was copied, or restored elsewhere. Nothing is written to Apple until an administrator confirms it with `confirmInstallation`; reading goes on.',
    },
  } as const,
});

export const InstallationRef = builder.objectRef<GraphQLContext>('Installation').implement({
  description: 'The installation that answers.',
  fields: (t) => ({
    mode: t.field({
      type: ModeEnum,
      description: 'What it is connected to.',
      resolve: (context) => context.domain.settings.mode,
    }),
    marker: t.field({
      type: MarkerEnum,
      description: 'Whose database it works on.',
      resolve: ({ domain }) => readMarker(domain),
    }),
    version: t.string({ description: "Russet's version.", resolve: (context) => context.version }),
    pollIntervals: t.field({
      type: PollIntervalsRef,
      description: 'How often Apple is asked.',
      resolve: (context) => context.domain.settings,
    }),
    publicUrl: t.string({
      nullable: true,
      description: "Where Apple reaches this installation with its notifications; null when it can't.",
      resolve: (context) => context.domain.settings.publicUrl,
    }),
    notificationDays: t.int({
      description: "Days for which Apple's notifications are kept.",
      resolve: (context) => context.domain.settings.notificationDays,
    }),
    expiringDays: t.int({
      description: 'Days before its expiry from which a token counts as expiring.',
      resolve: (context) => context.domain.settings.expiringDays,
    }),
    taskEventDays: t.int({
      description: 'Days for which the events of a task can be resumed.',
      resolve: (context) => context.domain.settings.taskEventDays,
    }),
    idempotencyDays: t.int({
      description: 'Days for which an idempotency key is remembered.',
      resolve: (context) => context.domain.settings.idempotencyDays,
    }),
  }),
});

const ViewerRef = builder.objectRef<GraphQLContext>('Viewer').implement({
  description: 'The API key that asks, and where it belongs.',
  fields: (t) => ({
    id: t.id({ description: 'Global id of the key.', resolve: ({ actor }) => globalId('ApiKey', actor.apiKeyId) }),
    name: t.string({ description: 'What people call the key.', resolve: ({ actor }) => actor.name }),
    role: t.field({ type: RoleEnum, description: 'Its role.', resolve: ({ actor }) => actor.role }),
    scopes: t.field({ type: [ScopeEnum], description: 'Its rights.', resolve: ({ actor }) => [...actor.scopes] }),
    organization: t.prismaField({
      type: 'Organization',
      description: 'The organization it belongs to.',
      ...needs('organization:read'),
      resolve: (query, { actor }, _args, context) =>
        context.db.organization.findUniqueOrThrow({ ...query, where: { id: actor.organizationId } }),
    }),
    installation: t.field({
      type: InstallationRef,
      description: 'The installation that answers.',
      resolve: (context) => context,
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    description: 'Who asks, and what it may do.',
    ...needs('any'),
    resolve: (_root, _args, context) => context,
  }),
);

const ConfirmInstallationInput = builder.inputType('ConfirmInstallationInput', {
  description: 'What an administrator confirms.',
  fields: (t) => ({
    confirm: t.boolean({
      required: true,
      description: 'True: no other installation writes for these libraries. Two that do would ruin each other.',
    }),
  }),
});

const ConfirmInstallationPayload = builder.objectRef<{ changed: boolean }>('ConfirmInstallationPayload').implement({
  description: 'Whose database it is now.',
  fields: (t) => ({
    changed: t.exposeBoolean('changed', { description: 'False when nothing was in the way before.' }),
    installation: t.field({
      type: InstallationRef,
      description: 'The installation as it is now.',
      resolve: (_payload, _args, context) => context,
    }),
  }),
});

mutation('confirmInstallation', {
  description:
    'Makes a database that was copied or restored elsewhere this installation’s own: what waited is written to Apple now. For an administrator, where one organization has the installation for itself; otherwise its operator runs `npm run admin -- adopt-database`.',
  right: 'organization:write',
  input: ConfirmInstallationInput,
  payload: ConfirmInstallationPayload,
  failures: [],
  run: ({ domain }, input) => confirmInstallation(domain, input),
});
