import type { OperationCause } from '../domain/operation/cause.ts';
import type { OperationRow } from '../domain/operation/row.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceCommandRef } from './device-command-history.ts';
import { DeviceRef } from './device-ref.ts';
import { LicenseRef } from './license.ts';
import { AppOperationKindEnum, AppOperationStateEnum } from './operation-enums.ts';
import { ownedStatePage } from './owned-lists.ts';
import { needs } from './rights.ts';
import { rowNode } from './row-node.ts';
import { sureTaskOf } from './task-of.ts';
import { totalCount } from './total-count.ts';

const AppOperationCauseRef = builder.objectRef<OperationCause>('AppOperationCause').implement({
  description: 'The last thing that went wrong with an operation, or what it waits for.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'For programs.' }),
    message: t.exposeString('message', { description: 'For people: what happened and what to do.' }),
    errorDomain: t.exposeString('domain', {
      nullable: true,
      description: 'ErrorDomain, where a device answered with an error.',
    }),
    errorNumber: t.exposeInt('number', {
      nullable: true,
      description: 'ErrorCode, where a device answered with an error. Apple calls it diagnostic.',
    }),
    times: t.int({
      description: 'How often it was so in a row.',
      resolve: ({ tries }) => tries ?? 1,
    }),
  }),
});

const AppOperationRef = builder.objectRef<OperationRow>('AppOperation');

/** States in which the next step is Russet's. */
const unsent = new Set(['WAITING_FOR_LICENSE', 'READY', 'PROPAGATING']);

rowNode(AppOperationRef, 'operations', {
  description: 'One app to be installed, updated or removed on one device. It may take several commands.',
  fields: (t) => ({
    kind: t.expose('kind', { type: AppOperationKindEnum, description: 'What is done.' }),
    state: t.expose('state', { type: AppOperationStateEnum, description: 'Where it stands.' }),
    cause: t.field({
      type: AppOperationCauseRef,
      nullable: true,
      description: 'The last thing that went wrong, or what it waits for; of an ended one why it ended so.',
      resolve: ({ cause }) => cause,
    }),
    attempts: t.exposeInt('attempts', { description: 'How many commands were made for it.' }),
    nextTryAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the device is told next, or looked at whether it can be; null while a license is waited for, while the device has it, and at the end.',
      resolve: ({ state, dueAt }) => (unsent.has(state) ? dueAt : null),
    }),
    givenUpAt: t.expose('deadlineAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When it is given up, if nothing happens before; null while a license is waited for, and at the end.',
    }),
    notAfter: t.expose('notAfter', {
      type: 'DateTime',
      nullable: true,
      description: 'Nothing is sent from here on: the window of an update closes.',
    }),
    takesOver: t.exposeBoolean('takeOver', {
      description: 'The app was there and not managed, and the next command takes it over.',
    }),
    versionBefore: t.exposeString('versionBefore', {
      nullable: true,
      description: 'External version id that the device had before the first command; null when it had none.',
    }),
    targetVersion: t.exposeString('targetVersion', {
      nullable: true,
      description: 'External version id that an update is to bring, where that is known.',
    }),
    releasesLicense: t.exposeBoolean('releaseLicense', {
      description:
        'The license goes back when an install comes to nothing, or a removal is done; false of licenses that stay.',
    }),
    app: t.field({
      type: AppRef,
      description: 'The app.',
      resolve: ({ appId }, _args, { loaders }) => loaders.apps.load(appId).then((row) => row!),
    }),
    device: t.field({
      type: DeviceRef,
      description: 'The device.',
      resolve: ({ deviceId }, _args, { loaders }) => loaders.devices.load(deviceId).then((row) => row!),
    }),
    license: t.field({
      type: LicenseRef,
      nullable: true,
      description: 'The license that it needs, or that goes back; null while none is reserved.',
      resolve: ({ licenseId }, _args, { loaders }) => (licenseId === null ? null : loaders.licenses.load(licenseId)),
    }),
    task: t.prismaField({
      type: 'Task',
      description: 'The task that it belongs to.',
      resolve: (query, { taskId }, _args, context) => sureTaskOf(query, taskId, context),
    }),
    history: t.field({
      type: [DeviceCommandRef],
      description: 'The commands that were made for it, oldest first. They are kept for DEVICE_COMMAND_DAYS.',
      resolve: ({ id }, _args, { loaders }) => loaders.commandsOfOperation.load(id),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    changedAt: t.expose('changedAt', { type: 'DateTime', description: 'When it came into its state.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended; null while open.' }),
  }),
});

const text = 'oldest first: `last` gives the newest.';

builder.objectField(DeviceRef, 'operations', (t) =>
  t.connection(
    {
      type: AppOperationRef,
      description: `What was done or is to be done with its apps, ${text}`,
      args: { states: t.arg({ type: [AppOperationStateEnum], description: 'Only these states.' }) },
      resolve: ({ id }, args, { loaders }) => ownedStatePage(loaders.operationsOfDevice, id, args),
    },
    totalCount,
  ),
);

builder.objectField(AppRef, 'operations', (t) =>
  t.connection(
    {
      type: AppOperationRef,
      description: `Its installs, updates and removals on all devices, ${text}`,
      ...needs('devices:read'),
      args: { states: t.arg({ type: [AppOperationStateEnum], description: 'Only these states.' }) },
      resolve: ({ id }, args, { loaders }) => ownedStatePage(loaders.operationsOfApp, id, args),
    },
    totalCount,
  ),
);

builder.prismaObjectField('Task', 'operations', (t) =>
  t.connection(
    {
      type: AppOperationRef,
      description: `Its installs, updates or removals, one for each app and device; ones that were refused are in \`failures\`; ${text}`,
      ...needs('devices:read'),
      args: { states: t.arg({ type: [AppOperationStateEnum], description: 'Only these states.' }) },
      resolve: (task, args, { loaders }) => ownedStatePage(loaders.operationsOfTask, task.id, args),
    },
    totalCount,
  ),
);
