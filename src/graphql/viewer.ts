import { builder } from './builder.ts';
import type { GraphQLContext } from './context.ts';
import { RoleEnum, ScopeEnum } from './enums.ts';
import { globalId } from './ids.ts';
import { needs } from './rights.ts';

const PollIntervalsRef = builder.objectRef<GraphQLContext['domain']['settings']>('PollIntervals').implement({
  description: 'How often Russet asks Apple how a write stands, in milliseconds.',
  fields: (t) => ({
    firstPollAfter: t.exposeInt('firstPollAfter', {
      description: 'From sending a write to the first question, in milliseconds.',
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

const InstallationRef = builder.objectRef<GraphQLContext>('Installation').implement({
  description: 'The installation that answers.',
  fields: (t) => ({
    mode: t.field({
      type: ModeEnum,
      description: 'What it is connected to.',
      resolve: (context) => context.domain.settings.mode,
    }),
    version: t.string({ description: "Russet's version.", resolve: (context) => context.version }),
    pollIntervals: t.field({
      type: PollIntervalsRef,
      description: 'How often Apple is asked.',
      resolve: (context) => context.domain.settings,
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
