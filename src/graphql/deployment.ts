import {
  type Coverage,
  countDeployments,
  type DeploymentRow,
  listDeployments,
  listRefusals,
  type RefusalRow,
} from '../domain/deployment/row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeploymentRef } from './deployment-ref.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { DeviceRef } from './device-ref.ts';
import { DeploymentModeEnum } from './enums.ts';
import { optionalRowId } from './ids.ts';
import { idCursor, idWindowOf, pageOf } from './page.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { TokenRef } from './token.ts';
import { totalCount } from './total-count.ts';

const ProblemRef = builder.objectRef<NonNullable<DeploymentRow['problem']>>('DeploymentProblem').implement({
  description: 'Why none of the devices of a deployment can be given the app.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description: 'APP_NOT_HELD, TOKEN_NOT_USABLE, NOT_DEVICE_ASSIGNABLE or MDM_NOT_CONNECTED.',
    }),
    message: t.exposeString('message', { description: 'What it is, and what helps.' }),
    since: t.field({
      type: 'DateTime',
      description: 'When it was first seen.',
      resolve: ({ since }) => new Date(since),
    }),
  }),
});

const CoverageRef = builder.objectRef<Coverage>('DeploymentCoverage').implement({
  description: 'How far a deployment has come, in devices for which it is the one that counts.',
  fields: (t) => ({
    wanted: t.expose('wanted', { type: 'Count', description: 'Devices that it is about.' }),
    confirmed: t.expose('confirmed', { type: 'Count', description: 'Those whose license Apple has confirmed.' }),
    pending: t.expose('pending', {
      type: 'Count',
      description: 'Those whose license is asked for or being taken back.',
    }),
    waiting: t.expose('waiting', { type: 'Count', description: 'Those that wait for a free license.' }),
    refused: t.expose('refused', { type: 'Count', description: 'Those that can’t have it: see `refusals`.' }),
    installed: t.expose('installed', { type: 'Count', description: 'Those that have the app, whoever installed it.' }),
  }),
});

const RefusalRef = builder.objectRef<RefusalRow>('DeploymentRefusal').implement({
  description: 'A device that could not be given the app; it never keeps others from getting it.',
  fields: (t) => ({
    device: t.field({
      type: DeviceRef,
      description: 'The device.',
      resolve: ({ id }, _args, { loaders }) => loaders.devices.load(id).then((row) => row!),
    }),
    code: t.exposeString('code', {
      description:
        'The error code, as `associateLicenses` or an install would give it; RECLAIMED when a reclaim rule took it back.',
    }),
    message: t.exposeString('message', { description: 'Why, and what helps.' }),
    refusedAt: t.expose('refusedAt', { type: 'DateTime', description: 'When it was last tried.' }),
    retryAt: t.expose('retryAt', {
      type: 'DateTime',
      description: 'When it is tried again at the latest; at once when the device or the deployment changes.',
    }),
  }),
});

rowNode(DeploymentRef, 'deployments', {
  description:
    'What the devices of a group shall have of an app. A comparison that never ends gives what is lacking, whoever comes into the group.',
  fields: (t) => ({
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    group: t.field({
      type: DeviceGroupRef,
      description: 'The devices.',
      resolve: ({ groupId }, _args, { loaders }) => loaders.deviceGroups.load(groupId).then((row) => row!),
    }),
    mode: t.expose('mode', { type: DeploymentModeEnum, description: 'What they shall have.' }),
    token: t.field({
      type: TokenRef,
      nullable: true,
      description: 'The only token that licenses may come from; null for the first in order that can serve.',
      resolve: ({ tokenId }, _args, { loaders }) => (tokenId === null ? null : loaders.tokens.load(tokenId)),
    }),
    rank: t.exposeInt('rank', {
      description:
        'Which deployment counts for a device in several groups: that of the lowest rank; of equal ones NONE, then the oldest.',
    }),
    priority: t.exposeInt('priority', {
      description: 'Who comes first among those who want the same licenses: the larger one.',
    }),
    problem: t.field({
      type: ProblemRef,
      nullable: true,
      description: 'Why none of its devices can be served, at the last comparison.',
      resolve: ({ problem }) => problem,
    }),
    coverage: t.field({
      type: CoverageRef,
      description: 'How far it has come, counted now.',
      resolve: ({ id }, _args, { loaders }) => loaders.coverages.load(id),
    }),
    refusals: t.connection({
      type: RefusalRef,
      description:
        'The devices that could not be given the app, each with its reason. INSTALL_NOT_SUPPORTED is about the install only: the device gets its license.',
      resolve: async (deployment, args, { rows, domain }) => {
        const window = idWindowOf(args);
        const at = { organizationId: domain.actor.organizationId, now: domain.clock.now() };
        const found = await listRefusals(rows, at, deployment, window);
        return pageOf(found, window, idCursor);
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it was last changed.' }),
  }),
});

builder.queryField('deployments', (t) =>
  t.connection(
    {
      type: DeploymentRef,
      description: 'The deployments of the organization, oldest first.',
      ...needs('licenses:read'),
      args: {
        appId: t.arg.id({ description: 'Only those of this app.' }),
        groupId: t.arg.id({ description: 'Only those of this device group.' }),
      },
      resolve: async (_root, args, { rows, actor }) => {
        const filter = {
          appId: optionalRowId('App', args.appId, ['appId']),
          groupId: optionalRowId('DeviceGroup', args.groupId, ['groupId']),
        };
        const window = idWindowOf(args);
        const found = await listDeployments(rows, actor.organizationId, filter, window);
        const count = () => countDeployments(rows, actor.organizationId, filter);
        return { ...pageOf(found, window, idCursor), count };
      },
    },
    totalCount,
  ),
);
