import type { CommandRow } from '../domain/command/row.ts';
import type { DeviceError } from '../domain/mdm-ports.ts';
import { AppRef } from './app-ref.ts';
import { builder } from './builder.ts';
import { DeviceCommandKindEnum } from './device-commands.ts';
import { DeviceRef } from './device-ref.ts';
import { ownedStatePage } from './owned-lists.ts';
import { needs } from './rights.ts';
import { totalCount } from './total-count.ts';

const DeviceCommandStateEnum = builder.enumType('DeviceCommandState', {
  description: 'Where a command stands.',
  values: {
    PLANNED: { description: 'It waits to be given to the MDM server, or to be leased.' },
    SENT: { description: 'It is on its way to the MDM server, or nobody heard yet whether it arrived.' },
    QUEUED: { description: 'The MDM server has it, or whoever leased it.' },
    ACKNOWLEDGED: { description: 'The device accepted it; of an install that is not yet the app.' },
    FAILED: { description: 'The device answered with errors.' },
    MALFORMED: { description: 'The device did not understand it.' },
    REFUSED: { description: 'The MDM server, or whoever leased it, did not take it.' },
    LOST: { description: 'The device enrolled anew, or left: what was queued is gone.' },
    TIMED_OUT: { description: 'No answer came in time. It may still run; a later answer is applied.' },
    CANCELLED: { description: 'It was taken back before it was sent.' },
  } as const,
});

const DeviceErrorRef = builder.objectRef<DeviceError>('DeviceError').implement({
  description: "One item of a device's ErrorChain. Apple's numbers are for diagnosis and may change.",
  fields: (t) => ({
    domain: t.exposeString('domain', { description: 'ErrorDomain.' }),
    number: t.field({
      type: 'Count',
      description: 'ErrorCode; 0 where the device wrote no whole number.',
      resolve: ({ number }) => BigInt(Number.isSafeInteger(number) ? number : 0),
    }),
    message: t.exposeString('message', { description: 'What the device says of it.' }),
  }),
});

export const DeviceCommandRef = builder.objectRef<CommandRow>('DeviceCommand').implement({
  description: 'One command to one device.',
  fields: (t) => ({
    kind: t.expose('kind', { type: DeviceCommandKindEnum, description: 'What it asks.' }),
    state: t.expose('state', { type: DeviceCommandStateEnum, description: 'Where it stands.' }),
    app: t.field({
      type: AppRef,
      nullable: true,
      description: 'Of an install or removal: the app.',
      resolve: ({ appId }, _args, { loaders }) => (appId === null ? null : loaders.apps.load(appId)),
    }),
    commandUuid: t.exposeString('uuid', {
      nullable: true,
      description: 'Its CommandUUID, which devices in one batch share; null before it is sent.',
      ...needs('mdm:read'),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was planned.' }),
    sentAt: t.expose('sentAt', { type: 'DateTime', nullable: true, description: 'When it last left; null before.' }),
    sends: t.exposeInt('sends', { description: 'How often it left, or was leased.' }),
    dueAt: t.expose('dueAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When something is done about it next. Null of a PLANNED one: it waits for its device; null of others: its answer is waited for.',
    }),
    deadlineAt: t.expose('deadlineAt', {
      type: 'DateTime',
      description: 'When it is given up, whatever the device does.',
    }),
    notNows: t.exposeInt('notNows', { description: 'How often the device said NotNow.' }),
    notNowAt: t.expose('notNowAt', { type: 'DateTime', nullable: true, description: 'When it said so last.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended; null while open.' }),
    errors: t.field({
      type: [DeviceErrorRef],
      description: 'What the device answered with, the whole chain; empty when it met no error.',
      resolve: ({ answer }) => answer?.errors ?? [],
    }),
    appState: t.string({
      nullable: true,
      description: 'Of an install: the state of the app in the answer, as the device writes it.',
      resolve: ({ answer }) => answer?.app?.state ?? null,
    }),
    rejectionReason: t.string({
      nullable: true,
      description: "Of an install: Apple's RejectionReason, where the device gave one.",
      resolve: ({ answer }) => answer?.app?.rejectionReason ?? null,
    }),
    invitationResult: t.string({
      nullable: true,
      description: 'Of an invitation: Apple’s InvitationResult, e.g. `Acknowledged`. It does not say who accepted.',
      resolve: ({ answer }) => answer?.invitation ?? null,
    }),
    refusal: t.string({
      nullable: true,
      description:
        'Of a REFUSED one: why it was not taken, as the MDM server says it. Of a LOST one: why the MDM server seems to have forgotten it; null when the device enrolled again or left.',
      resolve: ({ answer }) => answer?.refusal ?? null,
    }),
  }),
});

builder.objectField(DeviceRef, 'commands', (t) =>
  t.connection(
    {
      type: DeviceCommandRef,
      description:
        'The commands that it was or is to be given, oldest first: `last` gives the newest. Ended ones are kept for DEVICE_COMMAND_DAYS.',
      args: { states: t.arg({ type: [DeviceCommandStateEnum], description: 'Only these states.' }) },
      resolve: ({ id }, args, { loaders }) => ownedStatePage(loaders.commandsOfDevice, id, args),
    },
    totalCount,
  ),
);
