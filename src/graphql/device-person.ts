import * as failures from '../domain/errors.ts';
import { type AssignedDevices, assignDevices, unassignDevices } from '../domain/vpp-user/assign-devices.ts';
import { builder } from './builder.ts';
import { DeviceTargetInput } from './device-mutations.ts';
import { DeviceRef } from './device-ref.ts';
import { rowId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { ownedPage } from './owned-lists.ts';
import { needs, showsWritten } from './rights.ts';
import { totalCount } from './total-count.ts';
import { VppUserRef } from './vpp-user-ref.ts';

const whose =
  'A device is the person’s to whom it was assigned (`assignDevices`); without that, the person’s whose Apple Account it tells of.';

builder.objectField(DeviceRef, 'vppUser', (t) =>
  t.field({
    type: VppUserRef,
    nullable: true,
    description: `Whose device it is; null when that is not known. ${whose}`,
    resolve: async ({ id }, _args, { loaders }) => {
      const userId = await loaders.personOfDevice.load(id);
      return userId === null ? null : loaders.vppUsers.load(userId);
    },
  }),
);

builder.objectField(VppUserRef, 'devices', (t) =>
  t.connection(
    {
      type: DeviceRef,
      description: `The person’s devices. ${whose}`,
      ...needs('devices:read'),
      resolve: ({ id }, args, { loaders }) => ownedPage(loaders.devicesOfVppUser, id, args),
    },
    totalCount,
  ),
);

const AssignDevicesInput = builder.inputType('AssignDevicesInput', {
  description: 'Whose devices they are.',
  fields: (t) => ({
    vppUserId: t.id({ required: true, description: 'Global id of the person.' }),
    target: t.field({ type: DeviceTargetInput, required: true, description: 'Which devices.' }),
  }),
});

const UnassignDevicesInput = builder.inputType('UnassignDevicesInput', {
  description: 'Devices that are nobody’s any more by assignment.',
  fields: (t) => ({
    target: t.field({ type: DeviceTargetInput, required: true, description: 'Which devices.' }),
  }),
});

const changedText = 'Devices for which that is new.';
const unchangedText = 'Devices for which it was so already.';

const AssignDevicesPayload = builder.objectRef<AssignedDevices>('AssignDevicesPayload').implement({
  description: 'What an assignment did.',
  fields: (t) => ({
    changed: t.exposeInt('changed', { description: changedText }),
    unchanged: t.exposeInt('unchanged', { description: unchangedText }),
    vppUser: t.field({
      type: VppUserRef,
      description: 'The person.',
      ...showsWritten,
      resolve: ({ vppUserId }, _args, { loaders }) => loaders.vppUsers.load(vppUserId!).then((user) => user!),
    }),
  }),
});

const UnassignDevicesPayload = builder.objectRef<AssignedDevices>('UnassignDevicesPayload').implement({
  description: 'What became of the assignments.',
  fields: (t) => ({
    changed: t.exposeInt('changed', { description: changedText }),
    unchanged: t.exposeInt('unchanged', { description: unchangedText }),
  }),
});

const targetOf = (target: typeof DeviceTargetInput.$inferInput) => ({
  deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
  serialNumbers: target.serialNumbers,
});

mutation('assignDevices', {
  description:
    'Says whose devices they are, whatever Apple Account they tell of; one that was somebody else’s moves. It decides from which devices `retireVppUsers` and `revokeLicenses` remove a person’s apps, and where invitations are shown.',
  right: 'devices:write',
  input: AssignDevicesInput,
  payload: AssignDevicesPayload,
  failures: [failures.NotFoundError, failures.UnknownDeviceError, failures.UserNotActiveError],
  run: ({ domain }, { vppUserId, target }) =>
    assignDevices(domain, { vppUserId: rowId('VppUser', vppUserId, ['vppUserId']), target: targetOf(target) }),
});

mutation('unassignDevices', {
  description: 'Takes `assignDevices` back: whose a device is says the Apple Account again that it tells of.',
  right: 'devices:write',
  input: UnassignDevicesInput,
  payload: UnassignDevicesPayload,
  failures: [failures.UnknownDeviceError],
  run: ({ domain }, { target }) => unassignDevices(domain, { target: targetOf(target) }),
});
