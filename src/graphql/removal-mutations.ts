import type { InputFieldBuilder } from '@pothos/core';
import * as failures from '../domain/errors.ts';
import { type RemoveAppsInput as RemoveAppsInputOfVerb, removeApps } from '../domain/removal/remove-apps.ts';
import { builder } from './builder.ts';
import { optionalRowId, rowIds } from './ids.ts';
import { ErrorPolicyEnum, keyText, taskPayload } from './license-mutations.ts';
import { mutation } from './mutation.ts';
import { RemovalOrderEnum } from './removal-order.ts';

const RemoveAppsTargetInput = builder.inputType('RemoveAppsTargetInput', {
  description: 'From which devices: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: 'Devices by their global ids.' }),
    serialNumbers: t.stringList({ description: 'Devices by their serial numbers.' }),
    deviceGroupId: t.id({ description: 'The devices that are in this group now.' }),
  }),
});

/** What a removal is asked with; a plan of one too. */
export const removalFields = (t: InputFieldBuilder<typeof builder.$inferSchemaTypes, 'InputObject'>) => ({
  appIds: t.idList({ required: true, description: 'Global ids of the apps, at most 1,000.' }),
  target: t.field({ type: RemoveAppsTargetInput, required: true, description: 'From which devices.' }),
  keepLicenses: t.boolean({
    description:
      'The devices keep their licenses of the apps; otherwise those go back, which needs the right to write licenses.',
  }),
  order: t.field({
    type: RemovalOrderEnum,
    description: 'What goes first; APP_FIRST when absent. Means nothing where licenses are kept.',
  }),
  onError: t.field({
    type: ErrorPolicyEnum,
    description:
      'What a refused pair does to the others; ATOMIC when absent. An app that is not there, or that is just being removed, stops nobody.',
  }),
});

const RemoveAppsInput = builder.inputType('RemoveAppsInput', {
  description: 'Which apps to remove, and from which devices. At most 10,000 pairs of app and device.',
  fields: (t) => ({ ...removalFields(t), idempotencyKey: t.string({ description: keyText }) }),
});

mutation('removeApps', {
  description:
    'Removes apps from devices, with their data. Items of the task are the pairs of app and device: one is done when the app list of the device shows the app gone. Only apps that the MDM server manages can be removed; supervised devices from iOS 26 on remove others, too.',
  right: 'devices:write',
  input: RemoveAppsInput,
  payload: taskPayload('RemoveAppsPayload', 'The removal that is under way now.'),
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.MdmNotConnectedError,
    failures.UnknownDeviceError,
    failures.DeviceNotEnrolledError,
    failures.RemovalNotSupportedError,
    failures.AppNotManagedError,
    failures.AppNotInstalledError,
    failures.OperationInProgressError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, input) => removeApps(domain, removalOf(input)),
});

/** The verb's input: global ids become our own. */
export function removalOf({
  target,
  ...input
}: Omit<typeof RemoveAppsInput.$inferInput, 'idempotencyKey'>): RemoveAppsInputOfVerb {
  return {
    ...input,
    appIds: rowIds('App', input.appIds, ['appIds'])!,
    target: {
      deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
      serialNumbers: target.serialNumbers,
      deviceGroupId: optionalRowId('DeviceGroup', target.deviceGroupId, ['target', 'deviceGroupId']),
    },
  };
}
