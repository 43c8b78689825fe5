import { NotFoundError } from '../domain/errors.ts';
import { pauseUpdates, resumeUpdates, retryStuckUpdates } from '../domain/update/pause.ts';
import { removeUpdatePolicy, setUpdatePolicy } from '../domain/update/set-policy.ts';
import { builder } from './builder.ts';
import { globalId, optionalRowId, rowId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { DayEnum, policyTexts, UpdateModeEnum, UpdatePolicyRef, UpdateZoneEnum } from './update-policy.ts';
import { UpdateRolloutRef } from './update-rollout.ts';

const UpdateWindowInput = builder.inputType('UpdateWindowInput', {
  description: 'A window of every week.',
  fields: (t) => ({
    day: t.field({ type: DayEnum, required: true, description: policyTexts.day }),
    startsAt: t.string({ required: true, description: policyTexts.startsAt }),
    endsAt: t.string({ description: policyTexts.endsAt }),
  }),
});

const UpdateRingInput = builder.inputType('UpdateRingInput', {
  description: 'Devices that get a version before others: exactly one of `percent` and `deviceGroupId`.',
  fields: (t) => ({
    percent: t.float({ description: policyTexts.percent }),
    deviceGroupId: t.id({ description: 'Global id of a device group.' }),
    soakHours: t.int({ description: `${policyTexts.soakHours} 0 when absent.` }),
  }),
});

const SetUpdatePolicyInput = builder.inputType('SetUpdatePolicyInput', {
  description:
    'A policy as a whole, in place of the one for the same app and group; what is absent gets its default. Without app and group it is the one of the organization.',
  fields: (t) => ({
    appId: t.id({ description: 'Global id of the app that it is for.' }),
    deviceGroupId: t.id({ description: 'Global id of the device group that it is for.' }),
    position: t.int({ description: `${policyTexts.position} 0 when absent.` }),
    mode: t.field({ type: UpdateModeEnum, required: true, description: 'When it updates.' }),
    zone: t.field({
      type: UpdateZoneEnum,
      description: 'Whose time zone its windows are meant in; ORGANIZATION when absent.',
    }),
    windows: t.field({
      type: [UpdateWindowInput],
      description: 'Its windows: at least one with SCHEDULED, none otherwise.',
    }),
    rings: t.field({
      type: [UpdateRingInput],
      description: 'Who gets a version first, in order; all at once when absent.',
    }),
    maxInFlight: t.int({ description: `${policyTexts.maxInFlight} 50 when absent.` }),
    jitterMinutes: t.int({ description: `${policyTexts.jitterMinutes} 0 when absent.` }),
    pauseAtPercent: t.int({ description: `${policyTexts.pauseAtPercent} 20 when absent.` }),
    pauseAfter: t.int({ description: `${policyTexts.pauseAfter} 20 when absent.` }),
    maxAttempts: t.int({ description: `${policyTexts.maxAttempts} 3 when absent.` }),
  }),
});

const SetUpdatePolicyPayload = builder.objectRef<{ policyId: bigint }>('SetUpdatePolicyPayload').implement({
  description: 'The policy as it is now.',
  fields: (t) => ({
    policy: t.field({
      type: UpdatePolicyRef,
      description: 'The policy.',
      ...showsWritten,
      resolve: ({ policyId }, _args, { loaders }) => loaders.updatePolicies.load(policyId).then((row) => row!),
    }),
  }),
});

mutation('setUpdatePolicy', {
  description:
    'Sets when and how apps are updated. What was planned under another rule and is not sent yet is taken back and judged anew; with NEVER nothing is sent any more.',
  right: 'updates:write',
  input: SetUpdatePolicyInput,
  payload: SetUpdatePolicyPayload,
  failures: [NotFoundError],
  run: async ({ domain }, { appId, deviceGroupId, rings, ...input }) => ({
    policyId: await setUpdatePolicy(domain, {
      ...input,
      appId: optionalRowId('App', appId, ['appId']),
      deviceGroupId: optionalRowId('DeviceGroup', deviceGroupId, ['deviceGroupId']),
      rings: rings?.map((ring, index) => ({
        ...ring,
        deviceGroupId: optionalRowId('DeviceGroup', ring.deviceGroupId, ['rings', String(index), 'deviceGroupId']),
      })),
    }),
  }),
});

const RemoveUpdatePolicyInput = builder.inputType('RemoveUpdatePolicyInput', {
  description: 'Which policy to take away.',
  fields: (t) => ({ policyId: t.id({ required: true, description: 'Global id of the policy.' }) }),
});

const RemoveUpdatePolicyPayload = builder.objectRef<{ policyId: bigint }>('RemoveUpdatePolicyPayload').implement({
  description: 'The policy that is gone.',
  fields: (t) => ({
    policyId: t.id({
      description: 'The global id that it had.',
      resolve: ({ policyId }) => globalId('UpdatePolicy', policyId),
    }),
  }),
});

mutation('removeUpdatePolicy', {
  description: 'Takes a policy away; the next that holds counts from now on. Without any, nothing is updated.',
  right: 'updates:write',
  input: RemoveUpdatePolicyInput,
  payload: RemoveUpdatePolicyPayload,
  failures: [NotFoundError],
  run: async ({ domain }, input) => ({
    policyId: await removeUpdatePolicy(domain, { policyId: rowId('UpdatePolicy', input.policyId, ['policyId']) }),
  }),
});

function rolloutMutation(name: 'pauseUpdates' | 'resumeUpdates', description: string, verb: typeof pauseUpdates): void {
  const typeName = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  mutation(name, {
    description,
    right: 'updates:write',
    input: builder.inputType(`${typeName}Input`, {
      description: 'Which version.',
      fields: (t) => ({ rolloutId: t.id({ required: true, description: 'Global id of the rollout.' }) }),
    }),
    payload: builder.objectRef<{ rolloutId: bigint }>(`${typeName}Payload`).implement({
      description: 'The version as it stands now.',
      fields: (t) => ({
        rollout: t.field({
          type: UpdateRolloutRef,
          description: 'The rollout.',
          ...showsWritten,
          resolve: ({ rolloutId }, _args, { loaders }) => loaders.updateRollouts.load(rolloutId).then((row) => row!),
        }),
      }),
    }),
    failures: [NotFoundError],
    run: async ({ domain }, { rolloutId }) => ({
      rolloutId: await verb(domain, { rolloutId: rowId('UpdateRollout', rolloutId, ['rolloutId']) }),
    }),
  });
}

rolloutMutation(
  'pauseUpdates',
  'Sends no more updates to a version of an app. What devices were given goes on.',
  pauseUpdates,
);
rolloutMutation(
  'resumeUpdates',
  'Goes on with a version that was paused, by somebody or by its failures, which are counted anew.',
  resumeUpdates,
);

const RetryStuckUpdatesInput = builder.inputType('RetryStuckUpdatesInput', {
  description: 'What to try anew.',
  fields: (t) => ({
    appId: t.id({ required: true, description: 'Global id of the app.' }),
    deviceIds: t.idList({ description: 'Global ids of devices, at most 10,000; all that are STUCK when absent.' }),
  }),
});

const RetryStuckUpdatesPayload = builder.objectRef<{ devices: number }>('RetryStuckUpdatesPayload').implement({
  description: 'What is tried anew.',
  fields: (t) => ({
    devices: t.exposeInt('devices', { description: 'How many devices were STUCK and are tried anew.' }),
  }),
});

mutation('retryStuckUpdates', {
  description:
    'Forgets tries in vain: devices that are STUCK at a version of the app are tried anew as their policy says.',
  right: 'updates:write',
  input: RetryStuckUpdatesInput,
  payload: RetryStuckUpdatesPayload,
  failures: [NotFoundError],
  run: async ({ domain }, { appId, deviceIds }) => ({
    devices: await retryStuckUpdates(domain, {
      appId: rowId('App', appId, ['appId']),
      deviceIds: rowIds('Device', deviceIds, ['deviceIds']),
    }),
  }),
});
