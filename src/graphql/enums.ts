/** Enums of the schema that more than one type uses. @module */
import { type Scope, scopes } from '../domain/actor.ts';
import type { LedgerKind } from '../domain/license/rules.ts';
import { builder } from './builder.ts';

/** Values with their descriptions, as Pothos takes them; the keys stay literal. */
function described<const Values extends Record<string, string>>(values: Values) {
  return Object.fromEntries(Object.entries(values).map(([name, description]) => [name, { description }])) as {
    [Name in keyof Values]: { description: string };
  };
}

export const RoleEnum = builder.enumType('Role', {
  description: 'What the owner of a key is.',
  values: described({
    ADMINISTRATOR: 'May do everything.',
    APPSTORE_MANAGER: 'May do everything about apps and licenses, which is all there is here.',
    EMPLOYEE: 'Has no rights at all.',
  }),
});

const scopeTexts: Record<Scope, string> = {
  'organization:read': "Read the organization's settings.",
  'organization:write': "Change the organization's settings.",
  'tokens:read': 'Read tokens, never their secrets.',
  'tokens:write': 'Upload, renew, change, reorder, remove and sync tokens.',
  'apps:read': 'Read apps and their counts.',
  'apps:write': 'Change the status of apps.',
  'licenses:read': 'Read licenses.',
  'licenses:write': 'Associate and revoke licenses.',
  'users:read': 'Read people, without their invitations; together with `licenses:read`.',
  'users:write': 'Create, change, invite and retire people, and read their invitations.',
  'devices:read': 'Read devices.',
  'devices:write':
    'Add, change and remove devices, and remove apps from them; together with `licenses:write`, install apps on them.',
  'tasks:read': 'Read and watch tasks.',
  'tasks:write': 'Cancel and retry tasks.',
  'mdm:read': 'Read the connection to the MDM server.',
  'mdm:write': 'Connect, test and remove the MDM server.',
  'commands:write': 'Take commands for devices and bring their answers: for an MDM server.',
  'updates:read': 'Read update policies, runs and decisions.',
  'updates:write': 'Change update policies, start, pause and resume runs.',
  'storefront:use': 'Show the organization’s app store to a holder and request apps on the holder’s behalf.',
  'audit:read': 'Read the audit log.',
  'keys:read': 'Read API keys, never their secrets.',
  'keys:write': 'Make and revoke API keys.',
};

/** GraphQL names can't hold a colon: `tokens:read` is TOKENS_READ there. */
export const ScopeEnum = builder.enumType('Scope', {
  description: 'One right of an API key.',
  values: Object.fromEntries(
    scopes.map((scope) => [scope.replace(':', '_').toUpperCase(), { value: scope, description: scopeTexts[scope] }]),
  ) as Record<string, { value: Scope; description: string }>,
});

export const AppStatusEnum = builder.enumType('AppStatus', {
  description: "Where an app stands in the organization's own store.",
  values: described({
    DEVELOPMENT: 'Being tried out.',
    REVIEW: 'Being looked at.',
    RELEASE: 'Released to the organization.',
  }),
});

export const TaskKindEnum = builder.enumType('TaskKind', {
  description: 'What kind of work a task is.',
  values: described({
    SYNC: 'Reads the library of one token from Apple.',
    ASSOCIATE: 'Gives licenses to devices or people.',
    REVOKE: 'Takes licenses back.',
    CREATE_USERS: 'Makes people in a library.',
    UPDATE_USERS: 'Tells Apple what changed of people.',
    RETIRE_USERS: 'Takes the licenses of people back and retires them.',
    ASSIGN_SEATS: 'Gives seats of subscriptions to users.',
    REMOVE_SEATS: 'Takes seats of subscriptions back.',
    INSTALL: 'Installs apps on devices, once their licenses are confirmed.',
    UPDATE: 'Updates apps on devices, within the windows of their policies.',
    REMOVE_APPS: 'Removes apps from devices.',
    REMOVE_TOKEN: 'Gives the licenses of a token back, then removes the token.',
  }),
});

export const TaskStateEnum = builder.enumType('TaskState', {
  description: 'Where a task stands.',
  values: described({
    QUEUED: 'Nobody has begun with it.',
    RUNNING: 'A worker is at it.',
    WAITING: 'It waits; `waitsFor` and `waitsUntil` say for what and until when.',
    SUCCEEDED: 'Everything was settled; `outcome` tells how much was granted.',
    FAILED: 'It ended with work unsettled, or nothing could be tried; `cause` says why.',
    CANCELLED: 'Somebody stopped it; what was already sent to Apple was settled.',
  }),
});

export const CountSourceEnum = builder.enumType('CountSource', {
  description: 'What told Russet how many licenses there are.',
  values: described({
    SYNC: "Apple's lists were read.",
    NOTIFICATION: 'Apple told by itself.',
    SETTLEMENT: "Apple settled a write of Russet's.",
  }),
});

export const SyncModeEnum = builder.enumType('SyncMode', {
  description: 'How a sync reads a library.',
  values: described({
    FULL: 'All of it, license by license.',
    CHANGES: 'What changed since the last sync, and whatever Apple counts differently.',
  }),
});

export const TaskOutcomeEnum = builder.enumType('TaskOutcome', {
  description: 'How much of what was asked for was granted.',
  values: described({ ALL: 'All items.', SOME: 'Some items.', NONE: 'No item.' }),
});

const ledgerTexts: Record<LedgerKind, string> = {
  REQUEST: 'Asked for; a seat was reserved.',
  OPENING: 'Met when the library was read for the first time.',
  FOUND: 'Made elsewhere and met later.',
  SEND: 'Sent to Apple.',
  CONFIRM: 'Apple gave it: the reserved seat is held.',
  FAIL: 'Apple refused it; the seat is free again.',
  CANCEL: 'Not sent: somebody stopped the request.',
  RESEND: 'To be sent once more: Apple did not do it.',
  REQUEST_REVOKE: 'Shall be taken back.',
  SEND_REVOKE: 'Taking it back was sent to Apple.',
  RESEND_REVOKE: 'Taking it back is to be sent once more.',
  REVOKE: 'Apple took it back.',
  KEEP: 'Not taken back: Apple refused, or somebody stopped it.',
  GONE: 'Apple no longer lists it.',
  REMOVE_HELD: 'Its token was removed.',
  REMOVE_RESERVED: 'Its token was removed before Apple gave it.',
  ADOPT: 'Made elsewhere, and taken over by Russet.',
};

export const LedgerKindEnum = builder.enumType('LedgerKind', {
  description: 'What happened to a license.',
  values: described(ledgerTexts),
});

export const LicenseStateEnum = builder.enumType('LicenseState', {
  description: 'Where a license stands between Russet and Apple.',
  values: described({
    REQUESTED: 'Reserved; not yet sent to Apple.',
    PENDING_AT_APPLE: 'Sent; Apple has not confirmed it.',
    CONFIRMED: 'Held, as Apple confirms.',
    REVOKE_REQUESTED: 'Shall be taken back; not yet sent to Apple.',
    REVOKE_PENDING: 'Being taken back; Apple has not confirmed it.',
    REVOKED: 'Ended: taken back.',
    FAILED: 'Ended: Apple refused it.',
    GONE_AT_APPLE: 'Ended: Apple no longer lists it.',
    TOKEN_REMOVED: 'Ended for Russet: its token was removed. Apple may still list it.',
  }),
});

export const LicenseSourceEnum = builder.enumType('LicenseSource', {
  description: 'Who gave the license.',
  values: described({ RUSSET: 'Russet did.', EXTERNAL: 'Somebody else did; it was met in a sync.' }),
});

export const AccountTypeEnum = builder.enumType('AccountType', {
  description: 'Where a token was issued.',
  values: described({ BUSINESS: 'Apple Business.', EDUCATION: 'Apple School Manager.' }),
});

export const TokenSourceEnum = builder.enumType('TokenSource', {
  description: 'Whose token it is.',
  values: described({ OWN: "The organization's own.", PROVIDED: 'Provided by somebody else, as a school authority.' }),
});

export const CompletenessEnum = builder.enumType('Completeness', {
  description: 'How much of a library was read.',
  values: described({
    NEVER: 'Nothing yet.',
    PARTIAL: 'A sync is under way; what it has read so far is shown.',
    COMPLETE: 'All of it, as of the last sync.',
  }),
});

export const ProductTypeEnum = builder.enumType('ProductType', {
  description: 'What a store item is.',
  values: described({ APP: 'An app.', BOOK: 'A book.' }),
});

export const DeviceFamilyEnum = builder.enumType('DeviceFamily', {
  description: 'What kind of device it is.',
  values: described({
    IPAD: 'An iPad.',
    IPHONE: 'An iPhone.',
    IPOD: 'An iPod touch.',
    MAC: 'A Mac.',
    APPLE_TV: 'An Apple TV.',
    VISION: 'An Apple Vision.',
    UNKNOWN: 'Not known.',
  }),
});

export const VppUserStatusEnum = builder.enumType('VppUserStatus', {
  description: 'Where a person in a library stands.',
  values: described({
    REQUESTED: 'Apple is being asked to make them.',
    REFUSED: 'Apple did not make them; the failures of the task say why. It can be retried.',
    REGISTERED: 'Known to Apple; waits for an Apple Account, by an invitation.',
    ASSOCIATED: 'Linked to an Apple Account.',
    RETIRING: 'A task is taking their licenses back and retiring them.',
    RETIRED: 'Retired: no license can be given.',
    DELETED: 'Retired, and their Apple Account belongs to a newer record.',
    UNKNOWN: 'Only a license names them; a sync has not met them yet.',
  }),
});

export const DeviceOriginEnum = builder.enumType('DeviceOrigin', {
  description: 'How Russet came to know a device.',
  values: described({
    LIST: 'It was listed by `upsertDevices`.',
    LICENSE: 'Only a license that Apple lists names it.',
    MDM: 'The MDM server told of it, and nobody listed it.',
  }),
});

export const DeviceGroupKindEnum = builder.enumType('DeviceGroupKind', {
  description: 'How it is known who is in a device group.',
  values: described({
    STATIC: 'It has a list of devices.',
    RULE: 'It has a rule, looked up whenever the group is used.',
  }),
});

export const DeploymentModeEnum = builder.enumType('DeploymentMode', {
  description: 'What the devices of a group shall have of an app.',
  values: described({
    LICENSE_ONLY: 'A license; the app is installed by other means.',
    LICENSE_AND_INSTALL: 'A license, and the app on the device.',
    NONE: 'Nothing: licenses that Russet gave them are taken back, and no other deployment of the same or a higher rank gives any.',
  }),
});

export const ReclaimReasonEnum = builder.enumType('ReclaimReason', {
  description: 'What has to be so for a license to come back by a rule.',
  values: described({
    UNENROLLED: 'The MDM server does not manage the device, or no longer. Finds nothing without an MDM connection.',
    NOT_SEEN: 'The device is enrolled and has not been seen.',
    APP_REMOVED: 'The app was on the device, and its list of apps no longer has it.',
    OUT_OF_SCOPE:
      'A deployment gave it, and none wants it on the device any more. Nobody notes since when, so the days are added to those of grace.',
    INSTALL_FAILED:
      'The last install of the app on the device failed, timed out or was cancelled, and the app is not there.',
  }),
});
