/** Installing apps on devices. @module */
import * as failures from '../domain/errors.ts';
import type { KeyedResult } from '../domain/idempotency.ts';
import { type InstallInput, installApps } from '../domain/install/ask.ts';
import { builder } from './builder.ts';
import { optionalRowId, rowIds } from './ids.ts';
import { associationFields, ErrorPolicyEnum, keepLicensesText, keyText } from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { showsWritten } from './rights.ts';
import { sureTaskOf, taskOf } from './task-of.ts';

const InstallTargetInput = builder.inputType('InstallTargetInput', {
  description: 'On which devices: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: 'Devices by their global ids, at most 10,000.' }),
    serialNumbers: t.stringList({ description: 'Devices by their serial numbers, at most 10,000.' }),
    deviceGroupId: t.id({ description: 'The devices that are in this group now, at most 100,000.' }),
  }),
});

const InstallAppsInput = builder.inputType('InstallAppsInput', {
  description: 'Which apps, on which devices.',
  fields: (t) => {
    const { onError: _other, target: _target, ...fields } = associationFields(t);
    return {
      ...fields,
      target: t.field({ type: InstallTargetInput, required: true, description: 'Where each app is installed.' }),
      onError: t.field({
        type: ErrorPolicyEnum,
        description:
          'What an item that can’t be does to the others; SKIP_FAILED when absent, except that the answer is the reason where one reason refuses all at once: one device, or an app without seats. ATOMIC, for at most 10,000 pairs of app and device, answers with the first of them and does nothing.',
      }),
      keepLicenses: t.boolean({ description: keepLicensesText }),
      idempotencyKey: t.string({ description: keyText }),
    };
  },
});

const InstallAppsPayload = builder.objectRef<KeyedResult>('InstallAppsPayload').implement({
  description: 'The installs that are under way now.',
  fields: (t) => ({
    task: t.prismaField({
      type: 'Task',
      description: 'The task of the installs; its items are pairs of app and device, and `taskProgress` follows it.',
      ...showsWritten,
      resolve: (query, { taskIds }, _args, context) => sureTaskOf(query, taskIds[0]!, context),
    }),
    licenses: t.prismaField({
      type: 'Task',
      nullable: true,
      description: 'The task that gets the licenses that were missing; null when none were.',
      ...showsWritten,
      resolve: (query, { taskIds }, _args, context) => taskOf(query, taskIds[1], context),
    }),
    replayed: t.exposeBoolean('replayed', {
      description: 'The idempotency key was used before: these are the tasks of then, as they stand now.',
    }),
  }),
});

mutation('installApps', {
  description:
    'Installs every app on every device. What has a confirmed license is sent at once; what has none gets one first, as `associateLicenses` gives it, and is sent when Apple has confirmed it. An item that can’t be is a failure of the task and stops no other; where one reason refuses all at once (one device, or an app without seats), that is the answer. Needs the rights to write licenses and devices.',
  right: 'licenses:write',
  input: InstallAppsInput,
  payload: InstallAppsPayload,
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.MdmNotConnectedError,
    failures.DeviceNotEnrolledError,
    failures.InstallNotSupportedError,
    failures.AlreadyInstalledError,
    failures.OperationInProgressError,
    failures.NoLicensesAvailableError,
    failures.QuotaExceededError,
    failures.NoTokenForAppError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
    failures.NotDeviceAssignableError,
    failures.RevokeInProgressError,
    failures.UnknownDeviceError,
    failures.OsTooOldError,
    failures.PlatformNotSupportedError,
    failures.AppNotReleasedError,
  ],
  run: ({ domain }, input) => installApps(domain, installOf(input)),
});

/** The verb's input: global ids become our own. */
function installOf({ target, ...input }: typeof InstallAppsInput.$inferInput): InstallInput {
  return {
    ...input,
    appIds: rowIds('App', input.appIds, ['appIds'])!,
    tokenId: optionalRowId('Token', input.tokenId, ['tokenId']),
    target: {
      deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
      serialNumbers: target.serialNumbers,
      deviceGroupId: optionalRowId('DeviceGroup', target.deviceGroupId, ['target', 'deviceGroupId']),
    },
  };
}
