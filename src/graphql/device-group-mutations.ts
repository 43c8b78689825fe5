import { setGroupAppStatuses } from '../domain/device-group/app-statuses.ts';
import { type ChangedMembers, setDeviceGroupMembers } from '../domain/device-group/members.ts';
import { createDeviceGroup, deleteDeviceGroup, updateDeviceGroup } from '../domain/device-group/write.ts';
import * as failures from '../domain/errors.ts';
import { builder } from './builder.ts';
import { DeviceGroupRuleInput } from './device-group.ts';
import { DeviceGroupRef } from './device-group-ref.ts';
import { AppStatusEnum } from './enums.ts';
import { globalId, rowId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';

/** A payload that shows the group, and more. */
export function groupPayload<Shape extends { groupId: bigint }>(name: string, description: string) {
  const ref = builder.objectRef<Shape>(name).implement({ description });
  builder.objectField(ref, 'group', (t) =>
    t.field({
      type: DeviceGroupRef,
      description: 'The group as it is now.',
      ...showsWritten,
      resolve: (payload, _args, { loaders }) =>
        loaders.deviceGroups.load((payload as Shape).groupId).then((row) => row!),
    }),
  );
  return ref;
}

const groupId = (id: string) => rowId('DeviceGroup', id, ['groupId']);

const CreateDeviceGroupInput = builder.inputType('CreateDeviceGroupInput', {
  description: 'A group to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What people call it; no other group may have this name.' }),
    rule: t.field({
      type: DeviceGroupRuleInput,
      description: 'Makes a rule group. Without a rule it has a list, empty at first.',
    }),
  }),
});

mutation('createDeviceGroup', {
  description: 'Makes a device group. `previewDeviceGroup` shows beforehand for which devices a rule holds.',
  right: 'devices:write',
  input: CreateDeviceGroupInput,
  payload: groupPayload('CreateDeviceGroupPayload', 'The new group.'),
  failures: [],
  run: async ({ domain }, input) => ({ groupId: await createDeviceGroup(domain, input as never) }),
});

const UpdateDeviceGroupInput = builder.inputType('UpdateDeviceGroupInput', {
  description: 'What to change in a group; an absent field stays as it is.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Global id of the group.' }),
    name: t.string({ description: 'Its new name.' }),
    rule: t.field({ type: DeviceGroupRuleInput, description: 'Its new rule, in place of the old one as a whole.' }),
  }),
});

mutation('updateDeviceGroup', {
  description: 'Renames a device group, or gives a rule group another rule. Licenses that were given before stay.',
  right: 'devices:write',
  input: UpdateDeviceGroupInput,
  payload: groupPayload('UpdateDeviceGroupPayload', 'The changed group.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, input) => ({
    groupId: await updateDeviceGroup(domain, { ...input, groupId: groupId(input.groupId) } as never),
  }),
});

const DeleteDeviceGroupInput = builder.inputType('DeleteDeviceGroupInput', {
  description: 'Which group to remove.',
  fields: (t) => ({ groupId: t.id({ required: true, description: 'Global id of the group.' }) }),
});

const DeleteDeviceGroupPayload = builder.objectRef<{ groupId: bigint }>('DeleteDeviceGroupPayload').implement({
  description: 'The group that is gone.',
  fields: (t) => ({
    groupId: t.id({
      description: 'The global id that it had.',
      resolve: (payload) => globalId('DeviceGroup', payload.groupId),
    }),
  }),
});

mutation('deleteDeviceGroup', {
  description:
    'Removes a device group with its quotas and deployments. Its devices and their licenses stay. Refused while a reclaim rule names it.',
  right: 'devices:write',
  input: DeleteDeviceGroupInput,
  payload: DeleteDeviceGroupPayload,
  failures: [failures.NotFoundError],
  run: async ({ domain }, input) => ({
    groupId: await deleteDeviceGroup(domain, { groupId: groupId(input.groupId) }),
  }),
});

const MemberChangeEnum = builder.enumType('MemberChange', {
  description: 'What becomes of the list of a group.',
  values: {
    REPLACE: { description: 'It has exactly the named devices afterwards.' },
    ADD: { description: 'The named devices are put into it.' },
    REMOVE: { description: 'The named devices are taken out of it.' },
  } as const,
});

const GroupMembersInput = builder.inputType('DeviceGroupMembersInput', {
  description: 'Which devices: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: 'By their global ids, at most 10,000; may be empty.' }),
    serialNumbers: t.stringList({ description: 'By their serial numbers, at most 10,000; may be empty.' }),
  }),
});

const SetDeviceGroupMembersInput = builder.inputType('SetDeviceGroupMembersInput', {
  description: 'Who is in a group.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Global id of a group with a list.' }),
    target: t.field({ type: GroupMembersInput, required: true, description: 'The devices.' }),
    change: t.field({ type: MemberChangeEnum, description: 'What to do with them; REPLACE when absent.' }),
  }),
});

const SetDeviceGroupMembersPayload = groupPayload<ChangedMembers>(
  'SetDeviceGroupMembersPayload',
  'What became of the list.',
);
builder.objectFields(SetDeviceGroupMembersPayload, (t) => ({
  added: t.exposeInt('added', { description: 'How many devices are in it that were not.' }),
  removed: t.exposeInt('removed', { description: 'How many were in it and are no longer.' }),
}));

mutation('setDeviceGroupMembers', {
  description: 'Sets which devices are in a group that has a list, or puts some into it or takes some out of it.',
  right: 'devices:write',
  input: SetDeviceGroupMembersInput,
  payload: SetDeviceGroupMembersPayload,
  failures: [failures.NotFoundError, failures.UnknownDeviceError],
  run: ({ domain }, { target, ...input }) =>
    setDeviceGroupMembers(domain, {
      groupId: groupId(input.groupId),
      change: input.change,
      target: {
        deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
        serialNumbers: target.serialNumbers,
      },
    }),
});

const SetDeviceGroupAppStatusesInput = builder.inputType('SetDeviceGroupAppStatusesInput', {
  description: 'Which apps that are not released the devices of a group may get.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Global id of the group.' }),
    statuses: t.field({
      type: [AppStatusEnum],
      required: true,
      description:
        'REVIEW, DEVELOPMENT, both or none, in place of what was set before. RELEASE is for all and not named.',
    }),
  }),
});

mutation('setDeviceGroupAppStatuses', {
  description:
    'Lets the devices of a group have apps in review or development, or no longer. Licenses that were given before stay.',
  right: 'apps:write',
  input: SetDeviceGroupAppStatusesInput,
  payload: groupPayload('SetDeviceGroupAppStatusesPayload', 'The changed group.'),
  failures: [failures.NotFoundError],
  run: async ({ domain }, input) => ({
    groupId: await setGroupAppStatuses(domain, { groupId: groupId(input.groupId), statuses: input.statuses as never }),
  }),
});
