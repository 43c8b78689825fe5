import { type RemovedDevices, removeDevices } from '../domain/device/remove.ts';
import { type UpsertedDevices, upsertDevices } from '../domain/device/upsert.ts';
import * as failures from '../domain/errors.ts';
import { type RefreshedDevices, refreshDevices } from '../domain/inventory/refresh.ts';
import { builder } from './builder.ts';
import { DeviceFamilyEnum } from './enums.ts';
import { globalId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { taskOf } from './task-of.ts';

const DeviceInput = builder.inputType('DeviceInput', {
  description: 'One device. An absent field is kept, null clears it.',
  fields: (t) => ({
    serialNumber: t.string({ required: true, description: 'Its serial number; kept trimmed and in capitals.' }),
    name: t.string({ description: 'What people call it.' }),
    family: t.field({ type: DeviceFamilyEnum, description: 'What kind of device it is.' }),
    model: t.string({ description: 'Its model, e.g. `iPad13,1`.' }),
    osVersion: t.string({ description: 'The system version that it runs, e.g. `17.4.1`.' }),
    supervised: t.boolean({ description: 'Whether it is supervised.' }),
  }),
});

const UpsertDevicesInput = builder.inputType('UpsertDevicesInput', {
  description: 'Devices to add or bring up to date.',
  fields: (t) => ({
    devices: t.field({ type: [DeviceInput], required: true, description: 'The devices, at most 10,000, each once.' }),
    replaceAll: t.boolean({ description: 'This is the whole list: devices that are not named are removed.' }),
    confirmRemovals: t.int({
      description: 'How many `replaceAll` may remove: exactly the number that it is refused with.',
    }),
  }),
});

const UpsertDevicesPayload = builder.objectRef<UpsertedDevices>('UpsertDevicesPayload').implement({
  description: 'What an upsert did.',
  fields: (t) => ({
    created: t.exposeInt('created', { description: 'Devices that were new.' }),
    updated: t.exposeInt('updated', { description: 'Devices that changed.' }),
    unchanged: t.exposeInt('unchanged', { description: 'Devices that already were as given.' }),
    removed: t.exposeInt('removed', { description: 'Devices that `replaceAll` removed.' }),
    deviceIds: t.idList({
      description: 'Global ids of the named devices, in the order in which they were first met.',
      resolve: ({ deviceIds }) => deviceIds.map((id) => globalId('Device', id)),
    }),
    managedByMdm: t.idList({
      description:
        'Global ids of devices of which something that was given was not taken: they are enrolled, and what their MDM server tells of them wins.',
      resolve: ({ managedByMdm }) => managedByMdm.map((id) => globalId('Device', id)),
    }),
  }),
});

mutation('upsertDevices', {
  description: 'Adds devices and brings known ones up to date, by their serial numbers.',
  right: 'devices:write',
  input: UpsertDevicesInput,
  payload: UpsertDevicesPayload,
  failures: [failures.RemovalNotConfirmedError, failures.DeviceHoldsLicensesError],
  run: ({ domain }, input) => upsertDevices(domain, input),
});

export const DeviceTargetInput = builder.inputType('DeviceTargetInput', {
  description: 'Which devices: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: 'By their global ids, at most 10,000.' }),
    serialNumbers: t.stringList({ description: 'By their serial numbers, at most 10,000.' }),
  }),
});

const RemoveDevicesInput = builder.inputType('RemoveDevicesInput', {
  description: 'Devices to remove.',
  fields: (t) => ({
    target: t.field({ type: DeviceTargetInput, required: true, description: 'Which ones.' }),
    revoke: t.boolean({
      description: 'Take the licenses back that they hold; without it such devices are not removed.',
    }),
  }),
});

const RemoveDevicesPayload = builder.objectRef<RemovedDevices>('RemoveDevicesPayload').implement({
  description: 'What a removal did.',
  fields: (t) => ({
    removed: t.exposeInt('removed', { description: 'Devices that were removed.' }),
    task: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that takes their licenses back; null when they held none.',
      ...showsWritten,
      resolve: (query, { taskId }, _args, context) => taskOf(query, taskId, context),
    }),
  }),
});

mutation('removeDevices', {
  description: 'Removes devices from the list.',
  right: 'devices:write',
  input: RemoveDevicesInput,
  payload: RemoveDevicesPayload,
  failures: [
    failures.UnknownDeviceError,
    failures.DeviceHoldsLicensesError,
    failures.NotFoundError,
    failures.NotLicensedError,
    failures.NotRevocableError,
    failures.RevokeInProgressError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, { target, revoke }) =>
    removeDevices(domain, {
      revoke,
      target: {
        deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
        serialNumbers: target.serialNumbers,
      },
    }),
});

const RefreshDevicesPayload = builder.objectRef<RefreshedDevices>('RefreshDevicesPayload').implement({
  description: 'What devices are asked.',
  fields: (t) => ({
    planned: t.exposeInt('planned', { description: 'Questions that are new: up to three for each device.' }),
    joined: t.exposeInt('joined', {
      description:
        'Questions that were open already, and are not asked twice: they wait to be sent, or for their answer.',
    }),
  }),
});

mutation('refreshDevices', {
  description:
    'Asks devices now what they are and which apps they have, where they would be asked once a day. All are asked, or none. `commands` of a device shows how far it is, `enrollment { listedAt }` when it last told its apps.',
  right: 'devices:write',
  input: builder.inputType('RefreshDevicesInput', {
    description: 'Devices to ask.',
    fields: (t) => ({
      deviceIds: t.idList({ required: true, description: 'The devices by their global ids, from 1 to 1,000.' }),
    }),
  }),
  payload: RefreshDevicesPayload,
  failures: [failures.UnknownDeviceError, failures.DeviceNotEnrolledError, failures.MdmNotConnectedError],
  run: ({ domain }, { deviceIds }) =>
    refreshDevices(domain, { deviceIds: rowIds('Device', deviceIds, ['deviceIds'])! }),
});
