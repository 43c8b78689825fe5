import * as failures from '../domain/errors.ts';
import { type InvitedOnDevices, inviteOnDevices, type UninvitedUser } from '../domain/vpp-user/invite-on-devices.ts';
import { builder } from './builder.ts';
import { atMost } from './cost.ts';
import { DeviceRef } from './device-ref.ts';
import { VppUserStatusEnum } from './enums.ts';
import { globalId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';

const ReasonEnum = builder.enumType('UninvitedReason', {
  description: 'Why an invitation is shown nowhere.',
  values: {
    NO_OPEN_INVITATION: { description: 'The person has none: it was accepted, or Apple has not given it yet.' },
    NO_DEVICE: { description: 'No device is assigned to the person (`assignDevices`).' },
    NOT_ENROLLED: { description: 'None of the person’s devices is enrolled.' },
  } as const,
});

const ShownRef = builder.objectRef<InvitedOnDevices['shown'][number]>('ShownInvitation').implement({
  description: 'An invitation that a device is asked to show.',
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the person.',
      resolve: ({ vppUserId }) => globalId('VppUser', vppUserId),
    }),
    device: t.field({
      type: DeviceRef,
      description: 'The device; its `commands` say what became of it.',
      ...showsWritten,
      resolve: ({ deviceId }, _args, { loaders }) => loaders.devices.load(deviceId).then((device) => device!),
    }),
  }),
});

const UninvitedRef = builder.objectRef<UninvitedUser>('UninvitedVppUser').implement({
  description: 'Somebody whose invitation is shown nowhere.',
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the person.',
      resolve: ({ vppUserId }) => globalId('VppUser', vppUserId),
    }),
    reason: t.expose('reason', { type: ReasonEnum, description: 'Why.' }),
    status: t.field({
      type: VppUserStatusEnum,
      description: 'Where the person stands.',
      resolve: ({ status }) => status as never,
    }),
  }),
});

const InviteOnDevicesInput = builder.inputType('InviteVppUsersOnDevicesInput', {
  description: 'Whose invitations to show.',
  fields: (t) => ({
    vppUserIds: t.idList({ required: true, description: 'Global ids of the people, at most 1,000.' }),
  }),
});

const InviteOnDevicesPayload = builder.objectRef<InvitedOnDevices>('InviteVppUsersOnDevicesPayload').implement({
  description: 'Which invitations are shown where.',
  fields: (t) => ({
    shown: t.field({
      type: [ShownRef],
      description: 'One for each person and device; the first 1,000.',
      ...atMost(1_000),
      resolve: ({ shown }) => shown.slice(0, 1_000),
    }),
    skipped: t.field({
      type: [UninvitedRef],
      description: 'People whose invitation is shown nowhere.',
      ...atMost(1_000),
      resolve: ({ skipped }) => skipped,
    }),
  }),
});

mutation('inviteVppUsersOnDevices', {
  description:
    'Lets the devices that are assigned to people show them their open invitations (Apple: InviteToProgram). A person stays REGISTERED until Apple says that they accepted: the device does not tell. Needs the right to write devices as well.',
  right: 'users:write',
  input: InviteOnDevicesInput,
  payload: InviteOnDevicesPayload,
  failures: [failures.NotFoundError, failures.MdmNotConnectedError],
  run: ({ domain }, { vppUserIds }) =>
    inviteOnDevices(domain, { vppUserIds: rowIds('VppUser', vppUserIds, ['vppUserIds'])! }),
});
