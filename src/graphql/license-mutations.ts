import type { InputFieldBuilder } from '@pothos/core';
import * as failures from '../domain/errors.ts';
import type { KeyedResult } from '../domain/idempotency.ts';
import { type Adopted, adoptLicenses } from '../domain/license/adopt.ts';
import { type AssociateInput, associateLicenses } from '../domain/license/associate.ts';
import { type RevokeInput, revokeLicenses } from '../domain/license/revoke.ts';
import { associationWarnings } from '../domain/license/warnings.ts';
import { builder } from './builder.ts';
import { optionalRowId, rowIds } from './ids.ts';
import { mutation } from './mutation.ts';
import { RemovalOrderEnum } from './removal-order.ts';
import { showsWritten } from './rights.ts';
import { sureTaskOf, taskOf } from './task-of.ts';

export const ErrorPolicyEnum = builder.enumType('ErrorPolicy', {
  description: 'What a write of many items does when some of them are refused.',
  values: {
    ATOMIC: { description: 'Nothing is done, and the first refusal is the answer.' },
    SKIP_FAILED: { description: 'The others are done; the refused ones become failures of the task.' },
  } as const,
});

const deviceTexts = {
  deviceIds: 'Devices by their global ids, at most 10,000.',
  serialNumbers: 'Devices by their serial numbers, at most 10,000.',
  deviceGroupId: 'The devices that are in this group now, at most 100,000.',
};
/** What an idempotency key is. */
export const keyText =
  'Makes repeats harmless: the same key with the same input gives the same task for 7 days, with another input a failure.';

/** What becomes of licenses when their installs fail. */
export const keepLicensesText =
  'A license that was taken for an install stays, though that fails or is cancelled; false when absent: it goes back. Licenses that were there before always stay.';

const userLicensesOfApps =
  'For apps a license of the device is the better one: nobody needs an Apple Account on it, nobody has to be invited and accept, and the app can be given to a device whoever uses it. Books and devices that a person enrolled know users only: see assignBooks.';

const LicenseTargetInput = builder.inputType('LicenseTargetInput', {
  description: 'Who shall get licenses: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: deviceTexts.deviceIds }),
    serialNumbers: t.stringList({ description: deviceTexts.serialNumbers }),
    deviceGroupId: t.id({ description: deviceTexts.deviceGroupId }),
    vppUserIds: t.idList({
      description:
        'People by their global ids, at most 10,000 pairs of app and person. Each is served from their own token.',
      deprecationReason: userLicensesOfApps,
    }),
  }),
});

const ShortagePolicyEnum = builder.enumType('ShortagePolicy', {
  description: 'What becomes of items for which no license is free.',
  values: {
    FAIL: { description: 'They are refused.' },
    WAIT: {
      description:
        'They wait in the queue of their app, and are served by themselves when a license comes up: bought, taken back, or no longer kept by a reserve or a quota.',
    },
  } as const,
});

type InputFields = InputFieldBuilder<typeof builder.$inferSchemaTypes, 'InputObject'>;

/** What an association is asked with; a plan of one too. */
export const associationFields = (t: InputFields) => ({
  appIds: t.idList({ required: true, description: 'Global ids of the apps, at most 1,000.' }),
  target: t.field({ type: LicenseTargetInput, required: true, description: 'Who gets a license of each app.' }),
  tokenId: t.id({ description: 'Take them from exactly this token; from the first that can serve when absent.' }),
  onError: t.field({
    type: ErrorPolicyEnum,
    description: 'What a refused item does to the others; ATOMIC when absent. One that waits is not refused.',
  }),
  onShortage: t.field({
    type: ShortagePolicyEnum,
    description: 'What becomes of items for which no license is free; FAIL when absent.',
  }),
  priority: t.int({
    description:
      'From -100 to 100, 0 when absent: who comes first where licenses are short. Those who wait come before a request of the same priority.',
  }),
  waitUntil: t.field({
    type: 'DateTime',
    description: 'How long items wait at most; 30 days when absent, unless the installation says otherwise.',
  }),
});

/** Installs that follow an association. */
export const followingFields = (t: InputFields) => ({
  install: t.boolean({
    description:
      'Each app is installed as soon as its license is confirmed, by a second task (`installs`); false when absent. Devices only. Needs the right to write devices, too. What can’t be installed gets its license all the same.',
  }),
  keepLicenses: t.boolean({ description: `With \`install\`: ${keepLicensesText}` }),
});

const AssociateLicensesInput = builder.inputType('AssociateLicensesInput', {
  description: 'Which apps, to whom.',
  fields: (t) => ({
    ...associationFields(t),
    ...followingFields(t),
    idempotencyKey: t.string({ description: keyText }),
  }),
});

/** A payload that shows the one task of a keyed write. */
export function taskPayload(name: string, description: string) {
  return builder.objectRef<KeyedResult>(name).implement({
    description,
    fields: (t) => ({
      task: t.prismaField({
        type: 'Task',
        description: 'The task that carries it out; `taskProgress` follows it.',
        ...showsWritten,
        resolve: (query, { taskIds }, _args, context) => sureTaskOf(query, taskIds[0]!, context),
      }),
      replayed: t.exposeBoolean('replayed', {
        description: 'The idempotency key was used before: this is the task of then, as it stands now.',
      }),
    }),
  });
}

const AssociateLicensesPayload = taskPayload('AssociateLicensesPayload', 'The association that is under way now.');

builder.objectField(AssociateLicensesPayload, 'installs', (t) =>
  t.prismaField({
    type: 'Task',
    nullable: true,
    description: 'With `install`: the task of the installs. Each waits for its license.',
    ...showsWritten,
    resolve: (query, { taskIds }, _args, context) => taskOf(query, taskIds[1], context),
  }),
);

builder.objectField(AssociateLicensesPayload, 'warnings', (t) =>
  t.stringList({
    description: 'What is allowed but deserves a look, e.g. devices whose system version is not known.',
    resolve: ({ taskIds }, _args, { domain }) => associationWarnings(domain, taskIds[0]!),
  }),
);

mutation('associateLicenses', {
  description:
    'Gives every device a license of every app. Seats are reserved when this returns and confirmed by Apple in the task. A device that holds the license already needs no second one.',
  right: 'licenses:write',
  input: AssociateLicensesInput,
  payload: AssociateLicensesPayload,
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.NoLicensesAvailableError,
    failures.QuotaExceededError,
    failures.NoTokenForAppError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.InstallationNotConfirmedError,
    failures.NotDeviceAssignableError,
    failures.UserNotActiveError,
    failures.ConfirmationRequiredError,
    failures.AlreadyLicensedError,
    failures.AlreadyWaitingError,
    failures.RevokeInProgressError,
    failures.UnknownDeviceError,
    failures.OsTooOldError,
    failures.PlatformNotSupportedError,
    failures.AppNotReleasedError,
    failures.MdmNotConnectedError,
  ],
  run: ({ domain }, input) => associateLicenses(domain, associationOf(input)),
});

/** The verb's input: global ids become our own. */
export function associationOf({
  target,
  ...input
}: Omit<typeof AssociateLicensesInput.$inferInput, 'idempotencyKey'>): AssociateInput {
  return {
    ...input,
    appIds: rowIds('App', input.appIds, ['appIds'])!,
    tokenId: optionalRowId('Token', input.tokenId, ['tokenId']),
    target: {
      deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
      serialNumbers: target.serialNumbers,
      deviceGroupId: optionalRowId('DeviceGroup', target.deviceGroupId, ['target', 'deviceGroupId']),
      vppUserIds: rowIds('VppUser', target.vppUserIds, ['target', 'vppUserIds']),
    },
  };
}

const RevokeTargetInput = builder.inputType('RevokeTargetInput', {
  description: 'Which licenses: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    deviceIds: t.idList({ description: deviceTexts.deviceIds }),
    serialNumbers: t.stringList({ description: deviceTexts.serialNumbers }),
    deviceGroupId: t.id({ description: deviceTexts.deviceGroupId }),
    vppUserIds: t.idList({
      description: 'People by their global ids, at most 10,000.',
      deprecationReason: userLicensesOfApps,
    }),
    licenseIds: t.idList({ description: 'Licenses by their global ids, at most 10,000; `appIds` is not needed then.' }),
  }),
});

/** What a revocation is asked with; a plan of one too. */
export const revocationFields = (t: InputFields) => ({
  appIds: t.idList({ description: 'Global ids of the apps, at most 1,000. Every other app stays where it is.' }),
  target: t.field({ type: RevokeTargetInput, required: true, description: 'From whom, or which.' }),
  tokenId: t.id({ description: 'Only licenses that were taken from this token.' }),
  removeApps: t.boolean({
    description:
      'Remove the apps, too: from the devices that hold the licenses, and from the devices of people who do. Needs the right to write devices. Where an app can’t be removed, as from a device that is not enrolled, the license goes back at once and the app is a failure of the task.',
  }),
  order: t.field({
    type: RemovalOrderEnum,
    description: 'What goes first with `removeApps`; APP_FIRST when absent.',
  }),
  onError: t.field({
    type: ErrorPolicyEnum,
    description: 'What a refused item does to the others; ATOMIC when absent.',
  }),
});

const RevokeLicensesInput = builder.inputType('RevokeLicensesInput', {
  description: 'Which licenses to take back.',
  fields: (t) => ({ ...revocationFields(t), idempotencyKey: t.string({ description: keyText }) }),
});

mutation('revokeLicenses', {
  description:
    'Takes licenses back. The app stays on the device, where Apple lets it run for up to 30 days, unless `removeApps` removes it as well: items of the task are then the licenses and the pairs of app and device. A request that was not sent yet is cancelled.',
  right: 'licenses:write',
  input: RevokeLicensesInput,
  payload: taskPayload('RevokeLicensesPayload', 'The revocation that is under way now.'),
  failures: [
    failures.NotFoundError,
    failures.IdempotencyKeyReusedError,
    failures.NotLicensedError,
    failures.NotRevocableError,
    failures.RevokeInProgressError,
    failures.UnknownDeviceError,
    failures.TokenExpiredError,
    failures.TokenNotUsableError,
    failures.MdmNotConnectedError,
    failures.InstallationNotConfirmedError,
  ],
  run: ({ domain }, input) => revokeLicenses(domain, revocationOf(input)),
});

/** The verb's input: global ids become our own. */
export function revocationOf({
  target,
  ...input
}: Omit<typeof RevokeLicensesInput.$inferInput, 'idempotencyKey'>): RevokeInput {
  return {
    ...input,
    appIds: rowIds('App', input.appIds, ['appIds']),
    tokenId: optionalRowId('Token', input.tokenId, ['tokenId']),
    target: {
      deviceIds: rowIds('Device', target.deviceIds, ['target', 'deviceIds']),
      serialNumbers: target.serialNumbers,
      deviceGroupId: optionalRowId('DeviceGroup', target.deviceGroupId, ['target', 'deviceGroupId']),
      vppUserIds: rowIds('VppUser', target.vppUserIds, ['target', 'vppUserIds']),
      licenseIds: rowIds('License', target.licenseIds, ['target', 'licenseIds']),
    },
  };
}

const AdoptLicensesInput = builder.inputType('AdoptLicensesInput', {
  description: 'Which licenses to take over.',
  fields: (t) => ({
    licenseIds: t.idList({ required: true, description: 'Licenses by their global ids, at most 10,000.' }),
  }),
});

const AdoptLicensesPayload = builder.objectRef<Adopted>('AdoptLicensesPayload').implement({
  description: 'What was taken over.',
  fields: (t) => ({
    adopted: t.int({ description: 'How many are taken over now.', resolve: ({ licenseIds }) => licenseIds.length }),
    already: t.exposeInt('already', { description: "How many were Russet's before." }),
  }),
});

mutation('adoptLicenses', {
  description:
    "Takes over licenses that were given elsewhere: their source is RUSSET from then on, and rules may end them like any other of Russet's. Apple is not asked and nothing else changes.",
  right: 'licenses:write',
  input: AdoptLicensesInput,
  payload: AdoptLicensesPayload,
  failures: [failures.NotFoundError, failures.NotLicensedError, failures.AlreadyLicensedError],
  run: ({ domain }, { licenseIds }) =>
    adoptLicenses(domain, { licenseIds: rowIds('License', licenseIds, ['licenseIds'])! }),
});
