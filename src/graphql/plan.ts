import type { PlanRefusal } from '../domain/plan/make.ts';
import { type PlanOfApp, summarizePlan } from '../domain/plan/summary.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { atMost } from './cost.ts';
import { DeviceRef } from './device-ref.ts';
import { globalId, nodeKey, rowId } from './ids.ts';
import { needs } from './rights.ts';
import { SeatSubscriptionRef } from './seat-subscription.ts';
import { taskOf } from './task-of.ts';
import { TokenRef } from './token.ts';
import { VppUserRef } from './vpp-user-ref.ts';

const PlanKindEnum = builder.enumType('PlanKind', {
  description: 'What a plan does when it is applied.',
  values: {
    ASSOCIATION: { description: 'What `associateLicenses` does.' },
    REVOCATION: { description: 'What `revokeLicenses` does.' },
    TOKEN_REMOVAL: { description: 'What `removeToken` does.' },
    USER_RETIREMENT: { description: 'What `retireVppUsers` does.' },
    APP_REMOVAL: { description: 'What `removeApps` does.' },
  } as const,
});

const PlanOutcomeEnum = builder.enumType('PlanOutcome', {
  description: 'What happens to one item of a plan.',
  values: {
    GIVE: { description: 'A license is taken from the token and given.' },
    TAKE_BACK: { description: 'The license, or the seat of a subscription, is taken back.' },
    LEAVE: { description: 'It stays as it is at Apple: Russet forgets the license, or a group holds the seat.' },
    RETIRE: { description: 'The person is retired.' },
    WAIT: { description: 'It has to wait for a seat.' },
    REMOVE_APP: { description: 'The app is removed from the device.' },
    INSTALL_APP: { description: 'The app is installed on the device as soon as the license is confirmed.' },
    REFUSED: { description: 'Nothing; `code` and `message` say why.' },
  } as const,
});

const PlanRefusalRef = builder.objectRef<PlanRefusal>('PlanRefusal').implement({
  description: 'Why nothing of a plan would be done.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'Code of the failure that the mutation would answer with.' }),
    message: t.exposeString('message', { description: 'For people.' }),
  }),
});

const PlanOfAppRef = builder.objectRef<PlanOfApp>('PlanOfApp').implement({
  description: 'What a plan means for one app.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((app) => app!),
    }),
    requested: t.expose('requested', { type: 'Count', description: 'Licenses that the plan is about.' }),
    given: t.expose('given', { type: 'Count', description: 'Licenses that are given.' }),
    takenBack: t.expose('takenBack', { type: 'Count', description: 'Licenses that are taken back.' }),
    left: t.expose('left', { type: 'Count', description: 'Licenses that stay at Apple and that Russet forgets.' }),
    waiting: t.expose('waiting', { type: 'Count', description: 'Items that have to wait for a seat.' }),
    refused: t.expose('refused', { type: 'Count', description: 'Items that nothing is done for.' }),
    shortfall: t.expose('shortfall', {
      type: 'Count',
      description: 'Seats that are missing: items that lack nothing but a free license.',
    }),
    installs: t.expose('installs', { type: 'Count', description: 'Devices on which the app is installed.' }),
    removals: t.expose('removals', { type: 'Count', description: 'Devices from which the app is removed.' }),
    appsRefused: t.expose('appsRefused', {
      type: 'Count',
      description: 'Devices on which the app can’t be installed, or from which it can’t be removed; no licenses.',
    }),
  }),
});

const PlanItemRef = builder.prismaObject('PlanItem', {
  description: 'What a plan does for one pair of app and holder, or for one license.',
  select: {
    organizationId: true,
    planId: true,
    id: true,
    appId: true,
    tokenId: true,
    deviceId: true,
    vppUserId: true,
    licenseId: true,
    seatId: true,
    seatSubscriptionId: true,
  },
  fields: (t) => ({
    outcome: t.expose('outcome', { type: PlanOutcomeEnum, description: 'What happens.' }),
    licenses: t.expose('licenses', {
      type: 'Count',
      description:
        'How many licenses it stands for: 1, except in the plan of a removal; 0 for a person, for a seat of a subscription and for an app that is installed or removed, or can’t be.',
    }),
    app: t.field({
      type: AppRef,
      nullable: true,
      description: 'The app.',
      ...needs('apps:read'),
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    token: t.field({
      type: TokenRef,
      nullable: true,
      description: 'The token that the license comes from, or goes back to.',
      resolve: ({ tokenId }, _args, { loaders }) => (tokenId === null ? null : loaders.tokens.load(tokenId)),
    }),
    device: t.field({
      type: DeviceRef,
      nullable: true,
      description: 'The device.',
      resolve: ({ deviceId }, _args, { loaders }) => (deviceId === null ? null : loaders.devices.load(deviceId)),
    }),
    vppUser: t.field({
      type: VppUserRef,
      nullable: true,
      description: 'The person.',
      resolve: ({ vppUserId }, _args, { loaders }) => (vppUserId === null ? null : loaders.vppUsers.load(vppUserId)),
    }),
    serialNumber: t.exposeString('serialNumber', {
      nullable: true,
      description: 'Serial number of the device; also of one that the organization does not have.',
    }),
    clientUserId: t.exposeString('clientUserId', { nullable: true, description: 'Id of the person in the library.' }),
    licenseId: t.id({
      nullable: true,
      description: 'Global id of the license that is taken back.',
      resolve: ({ licenseId }) => (licenseId === null ? null : globalId('License', licenseId)),
    }),
    seatId: t.id({
      nullable: true,
      description:
        'Global id of the seat of a subscription that is taken back, or that stays because a group holds it.',
      resolve: ({ seatId }) => (seatId === null ? null : globalId('SeatAssignment', seatId)),
    }),
    seatSubscription: t.field({
      type: SeatSubscriptionRef,
      nullable: true,
      description: 'The subscription that the seat is of.',
      resolve: ({ seatSubscriptionId }, _args, { loaders }) =>
        seatSubscriptionId === null ? null : loaders.seatSubscriptions.load(seatSubscriptionId),
    }),
    code: t.exposeString('code', { nullable: true, description: 'Why nothing is done, for programs.' }),
    message: t.exposeString('message', { nullable: true, description: 'Why nothing is done, for people.' }),
  }),
});

builder.prismaNode('Plan', {
  nullable: true,
  description:
    'What a mutation would do, item by item. It reserves nothing, lives for an hour, and is applied exactly or not at all.',
  select: { organizationId: true, id: true },
  id: { resolve: (plan) => String(plan.id) },
  findUnique: (id, { actor }) => nodeKey(actor.organizationId, id),
  fields: (t) => ({
    kind: t.expose('kind', { type: PlanKindEnum, description: 'What it does.' }),
    actor: t.exposeString('actor', { description: 'Who made it: `key:` with a number.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it can no longer be applied.' }),
    appliedAt: t.expose('appliedAt', { type: 'DateTime', nullable: true, description: 'When it was applied.' }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that carries it out, once it was applied.',
      select: { taskId: true },
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
    installs: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task of the installs that follow an association, once it was applied.',
      select: { installsTaskId: true },
      resolve: (query, { installsTaskId }, _args, context) => taskOf(query, installsTaskId, context),
    }),
    refusal: t.field({
      type: PlanRefusalRef,
      nullable: true,
      description: 'Set when an ATOMIC request would be refused as a whole; the items show it without that rule.',
      select: { refusal: true },
      resolve: ({ refusal }) => refusal as PlanRefusal | null,
    }),
    apps: t.field({
      type: [PlanOfAppRef],
      description: 'What it means for each app, the one with the most licenses first; at most 1,000 apps.',
      extensions: { ...needs('apps:read').extensions, ...atMost(1_000).extensions },
      resolve: (plan, _args, { rows, actor }) => summarizePlan(rows, actor.organizationId, plan.id),
    }),
    items: t.prismaConnection({
      type: PlanItemRef,
      cursor: 'organizationId_planId_id',
      description: 'Everything that happens, and everything that does not.',
      args: { outcome: t.arg({ type: PlanOutcomeEnum, description: 'Only items with this outcome.' }) },
      totalCount: (plan, { outcome }, { db }) =>
        db.planItem.count({ where: { planId: plan.id, ...(outcome ? { outcome } : {}) } }),
      resolve: (query, plan, { outcome }, { db }) =>
        db.planItem.findMany({
          ...query,
          where: { planId: plan.id, ...(outcome ? { outcome } : {}) },
          orderBy: { id: 'asc' },
        }),
    }),
  }),
});

builder.queryField('plan', (t) =>
  t.prismaField({
    type: 'Plan',
    nullable: true,
    description: 'One plan; null when the organization has none such.',
    args: { id: t.arg.id({ required: true, description: 'Global id of the plan.' }) },
    resolve: (query, _root, args, { db, actor }) =>
      db.plan.findUnique({ ...query, where: nodeKey(actor.organizationId, rowId('Plan', args.id, ['id'])) }),
  }),
);
