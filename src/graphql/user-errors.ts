/** The expected failures of mutations: one object type for each error class of the domain, all of them `UserError`s. @module */
import * as failures from '../domain/errors.ts';
import { builder } from './builder.ts';
import { VppUserStatusEnum } from './enums.ts';
import { errorCodes } from './error-codes.ts';
import { globalId } from './ids.ts';
import { MdmProblemEnum } from './mdm-enums.ts';
import { AppOperationKindEnum } from './operation-enums.ts';

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs. A code never changes its meaning; new ones may come.',
  values: Object.fromEntries(Object.entries(errorCodes).map(([code, description]) => [code, { description }])),
});

const UserErrorRef = builder.interfaceRef<failures.DomainError>('UserError').implement({
  description: 'An expected failure: nothing was changed unless the message says so.',
  fields: (t) => ({
    code: t.field({
      type: ErrorCodeEnum,
      description: 'What went wrong, for programs.',
      resolve: (error) => error.code,
    }),
    message: t.exposeString('message', { description: 'What happened, what was not done and what to do, for people.' }),
    path: t.stringList({
      description: 'Leads from `input` to the value that caused it; empty when no single value did.',
      resolve: (error) => error.inputPath,
    }),
  }),
});

const plain = { interfaces: [UserErrorRef] };

/** What a reason may be. */
export const skipReasonText =
  'A token state, `NO_LICENSES_AVAILABLE` (none is free), `RESERVE` (what is free is kept for requests that name the token), `QUEUE` (what is free is for requests that wait), `APP_NOT_HELD`, `NOT_DEVICE_ASSIGNABLE` or `PLATFORM_NOT_SUPPORTED`.';

export const SkippedTokenRef = builder.objectRef<failures.SkippedToken>('SkippedToken').implement({
  description: 'A token that was passed over when one was looked for.',
  fields: (t) => ({
    tokenId: t.id({ description: 'Global id of the token.', resolve: (skipped) => globalId('Token', skipped.tokenId) }),
    label: t.exposeString('label', { description: 'What the organization calls the token.' }),
    reason: t.exposeString('reason', { description: skipReasonText }),
  }),
});

const InputIssueRef = builder.objectRef<failures.InputIssue>('InputIssue').implement({
  description: 'One thing wrong with an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', { description: 'Leads from `input` to the value.' }),
    message: t.exposeString('message', { description: 'What the value must be.' }),
  }),
});

builder.objectType(failures.InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input does not have the wanted shape or range. All problems are listed.',
  ...plain,
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueRef],
      description: 'Everything that is wrong.',
      resolve: (error) => error.issues,
    }),
  }),
});

builder.objectType(failures.NotFoundError, {
  name: 'NotFoundError',
  description: 'The organization has no such thing.',
  ...plain,
  fields: (t) => ({ kind: t.exposeString('kind', { description: 'What was looked for, e.g. `token`.' }) }),
});

builder.objectType(failures.ScopeExceededError, {
  name: 'ScopeExceededError',
  description: "A key can't make a key that may do more than itself.",
  ...plain,
  fields: (t) => ({ scopes: t.exposeStringList('scopes', { description: 'The rights that the key itself lacks.' }) }),
});

builder.objectType(failures.IdempotencyKeyReusedError, {
  name: 'IdempotencyKeyReusedError',
  description: 'The idempotency key came before with another input.',
  ...plain,
});

builder.objectType(failures.InvalidTokenFileError, {
  name: 'InvalidTokenFileError',
  description: 'The uploaded text is not a usable content token. Nothing was stored.',
  ...plain,
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'The precise cause, one of a closed list.' }),
    appleErrorNumber: t.exposeInt('appleErrorNumber', {
      nullable: true,
      description: "Apple's number, when Apple refused it.",
    }),
  }),
});

builder.objectType(failures.DifferentLibraryError, {
  name: 'DifferentLibraryError',
  description: 'The file for a renewal opens another library. Nothing was stored.',
  ...plain,
  fields: (t) => ({
    libraryName: t.exposeString('libraryName', {
      nullable: true,
      description: 'Name of the library that the file opens.',
    }),
  }),
});

builder.objectType(failures.OlderTokenFileError, {
  name: 'OlderTokenFileError',
  description: 'The file expires before the one in use. Nothing was stored.',
  ...plain,
  fields: (t) => ({
    currentExpiresAt: t.expose('currentExpiresAt', { type: 'DateTime', description: 'When the file in use expires.' }),
  }),
});

builder.objectType(failures.TokenExpiredError, {
  name: 'TokenExpiredError',
  description: 'The token is past its date. Nothing was sent to Apple.',
  ...plain,
  fields: (t) => ({
    tokenId: t.id({ description: 'Global id of the token.', resolve: (error) => globalId('Token', error.tokenId) }),
    expiredAt: t.expose('expiredAt', { type: 'DateTime', description: 'When it expired.' }),
  }),
});

builder.objectType(failures.TokenNotUsableError, {
  name: 'TokenNotUsableError',
  description: "The token can't be used in its present state. Nothing was sent to Apple.",
  ...plain,
  fields: (t) => ({
    tokenId: t.id({ description: 'Global id of the token.', resolve: (error) => globalId('Token', error.tokenId) }),
    state: t.exposeString('state', { description: 'The state of the token.' }),
  }),
});

builder.objectType(failures.TokenHoldsLicensesError, {
  name: 'TokenHoldsLicensesError',
  description: 'The token still holds licenses, nobody said what becomes of them, and it was not removed.',
  ...plain,
  fields: (t) => ({
    licenses: t.expose('licenses', { type: 'Count', description: 'How many it holds.' }),
  }),
});

builder.objectType(failures.InstallationNotConfirmedError, {
  name: 'InstallationNotConfirmedError',
  description:
    'The database is a copy of another installation, and nobody has said that it may write. Nothing was sent to Apple.',
  ...plain,
});

builder.objectType(failures.AppleUnavailableError, {
  name: 'AppleUnavailableError',
  description: 'Apple did not answer. Nothing was changed; try again.',
  ...plain,
  fields: (t) => ({
    retryAfter: t.exposeInt('retryAfter', { nullable: true, description: 'Seconds that Apple asked to wait.' }),
  }),
});

builder.objectType(failures.AppleRefusedError, {
  name: 'AppleRefusedError',
  description: 'Apple answered with an error. Nothing was changed.',
  ...plain,
  fields: (t) => ({
    appleErrorNumber: t.exposeInt('appleErrorNumber', { nullable: true, description: "Apple's number of the error." }),
  }),
});

builder.objectType(failures.NoTokenForAppError, {
  name: 'NoTokenForAppError',
  description: 'No usable token holds the app.',
  ...plain,
  fields: (t) => ({
    skipped: t.field({
      type: [SkippedTokenRef],
      description: 'Tokens that were passed over.',
      resolve: (error) => error.skipped,
    }),
  }),
});

builder.objectType(failures.NoLicensesAvailableError, {
  name: 'NoLicensesAvailableError',
  description: 'Fewer licenses are free than were asked for. Nothing was associated.',
  ...plain,
  fields: (t) => ({
    requested: t.exposeInt('requested', { description: 'How many were asked for.' }),
    available: t.expose('available', { type: 'Count', description: 'How many are free.' }),
    asOf: t.expose('asOf', {
      type: 'DateTime',
      description: "Age of Apple's numbers behind it; they are being read again.",
    }),
    skipped: t.field({
      type: [SkippedTokenRef],
      description: 'Tokens that were passed over.',
      resolve: (error) => error.skipped,
    }),
  }),
});

builder.objectType(failures.QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The devices of a group hold as many licenses as they may. Nothing was associated.',
  ...plain,
  fields: (t) => ({
    groupId: t.id({
      description: 'Global id of the device group.',
      resolve: (error) => globalId('DeviceGroup', error.groupId),
    }),
    group: t.exposeString('group', { description: 'Name of the group.' }),
    appId: t.id({
      nullable: true,
      description: 'Global id of the app that is counted; null when all apps count together.',
      resolve: ({ appId }) => (appId === null ? null : globalId('App', appId)),
    }),
    quota: t.expose('quota', { type: 'Count', description: 'How many licenses the group may hold.' }),
    used: t.expose('used', { type: 'Count', description: 'How many it holds or is being given.' }),
  }),
});

builder.objectType(failures.AlreadyWaitingError, {
  name: 'AlreadyWaitingError',
  description: 'The device waits for a license of the app already; nothing was added.',
  ...plain,
  fields: (t) => ({
    taskId: t.id({
      description: 'Global id of the task that it waits in.',
      resolve: (error) => globalId('Task', error.taskId),
    }),
  }),
});

builder.objectType(failures.PlanStaleError, {
  name: 'PlanStaleError',
  description: 'The world is not as it was when the plan was made. Nothing was done.',
  ...plain,
  fields: (t) => ({
    changed: t.exposeStringList('changed', {
      description: 'What differs: `EXPIRED`, `LICENSES`, `TOKENS` or `ITEMS`.',
    }),
  }),
});

builder.objectType(failures.NotDeviceAssignableError, {
  name: 'NotDeviceAssignableError',
  description: 'Apple does not license this item to devices.',
  ...plain,
});

builder.objectType(failures.NotRevocableError, {
  name: 'NotRevocableError',
  description: 'Apple sells this item as irrevocable. Nothing was revoked.',
  ...plain,
});

builder.objectType(failures.NotLicensedError, {
  name: 'NotLicensedError',
  description: 'There is no license to take back.',
  ...plain,
});

builder.objectType(failures.AlreadyLicensedError, {
  name: 'AlreadyLicensedError',
  description: 'The license is held already; no second one was taken.',
  ...plain,
  fields: (t) => ({
    tokenId: t.id({
      description: 'Global id of the token that serves it.',
      resolve: (error) => globalId('Token', error.tokenId),
    }),
  }),
});

builder.objectType(failures.RevokeInProgressError, {
  name: 'RevokeInProgressError',
  description: 'The license is just being taken back; try again when that is done.',
  ...plain,
});

builder.objectType(failures.UnknownDeviceError, {
  name: 'UnknownDeviceError',
  description: 'Devices that the organization does not have. Nothing was done.',
  ...plain,
  fields: (t) => ({
    devices: t.exposeStringList('devices', { description: 'Up to 100 of them, as they were given.' }),
    count: t.exposeInt('count', { description: 'How many there are.' }),
  }),
});

builder.objectType(failures.OsTooOldError, {
  name: 'OsTooOldError',
  description: "The device runs a system that can't hold device licenses.",
  ...plain,
  fields: (t) => ({
    required: t.exposeString('required', { description: 'Lowest version that can.' }),
    actual: t.exposeString('actual', { description: 'Version that the device runs.' }),
  }),
});

builder.objectType(failures.AppNotReleasedError, {
  name: 'AppNotReleasedError',
  description: 'The app is in review or development, and this holder may not have such apps.',
  ...plain,
  fields: (t) => ({ status: t.exposeString('status', { description: 'Where the app stands.' }) }),
});

builder.objectType(failures.AppNotRequestableError, {
  name: 'AppNotRequestableError',
  description: "The holder can't have the app now.",
  ...plain,
  fields: (t) => ({
    reason: t.exposeString('reason', { description: 'What stands in the way: a value of `StoreReason`.' }),
  }),
});

builder.objectType(failures.PlatformNotSupportedError, {
  name: 'PlatformNotSupportedError',
  description: "The app does not run on the device's platform.",
  ...plain,
  fields: (t) => ({ platforms: t.exposeStringList('platforms', { description: 'Platforms on which it runs.' }) }),
});

builder.objectType(failures.DeviceHoldsLicensesError, {
  name: 'DeviceHoldsLicensesError',
  description: 'Devices that still hold licenses were not removed.',
  ...plain,
  fields: (t) => ({
    licenses: t.expose('licenses', { type: 'Count', description: 'How many they hold.' }),
    devices: t.exposeStringList('devices', { description: 'Serial numbers of up to 100 of them.' }),
  }),
});

builder.objectType(failures.RemovalNotConfirmedError, {
  name: 'RemovalNotConfirmedError',
  description: 'Replacing the list would remove devices, and nobody confirmed how many.',
  ...plain,
  fields: (t) => ({
    wouldRemove: t.exposeInt('wouldRemove', { description: 'How many would go; send it as `confirmRemovals`.' }),
  }),
});

builder.objectType(failures.TaskFinishedError, {
  name: 'TaskFinishedError',
  description: 'The task is over.',
  ...plain,
});

builder.objectType(failures.TaskNotRetryableError, {
  name: 'TaskNotRetryableError',
  description: 'Nothing in the task can be tried again.',
  ...plain,
});

builder.objectType(failures.UserNotActiveError, {
  name: 'UserNotActiveError',
  description: 'The person is not at a point where they can be given licenses, changed or retired.',
  ...plain,
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the person.',
      resolve: (error) => globalId('VppUser', error.vppUserId),
    }),
    status: t.field({
      type: VppUserStatusEnum,
      description: 'Where they stand.',
      resolve: (error) => error.status as never,
    }),
  }),
});

const SpendingRef = builder.objectRef<failures.Spending>('IrrevocableSpending').implement({
  description: 'Licenses of one app or book that would be spent.',
  fields: (t) => ({
    appId: t.id({ description: 'Global id of the app or book.', resolve: ({ appId }) => globalId('App', appId) }),
    app: t.exposeString('app', { description: 'Its name.' }),
    licenses: t.exposeInt('licenses', { description: 'How many of its licenses.' }),
  }),
});

builder.objectType(failures.ConfirmationRequiredError, {
  name: 'ConfirmationRequiredError',
  description: 'Licenses would be spent for good, and nobody confirmed it. Nothing was done.',
  ...plain,
  fields: (t) => ({
    licenses: t.exposeInt('licenses', { description: 'How many licenses would be spent.' }),
    spending: t.field({
      type: [SpendingRef],
      description: 'Which ones.',
      resolve: (error) => error.spending,
    }),
  }),
});
builder.objectType(failures.SeatsNotEnabledError, {
  name: 'SeatsNotEnabledError',
  description: "Seat subscriptions of the token's library are not managed here.",
  ...plain,
  fields: (t) => ({
    tokenId: t.id({ description: 'Global id of the token.', resolve: (error) => globalId('Token', error.tokenId) }),
  }),
});

const NamedSubscriptionRef = builder.objectRef<failures.NamedSubscription>('ExistingSeatSubscription').implement({
  description: 'A seat subscription that Apple has, as a refusal names it.',
  fields: (t) => ({
    adamId: t.exposeString('adamId', { description: "Apple's id of it." }),
    parentAdamId: t.exposeString('parentAdamId', { description: "Apple's id of the app that it belongs to." }),
    status: t.exposeString('status', { description: '`ACTIVE` or `PAUSED`.' }),
    seats: t.exposeInt('seats', { description: 'Seats of both kinds.' }),
  }),
});

builder.objectType(failures.SeatSubscriptionsExistError, {
  name: 'SeatSubscriptionsExistError',
  description: 'Apple keeps seat subscriptions enabled while some exist.',
  ...plain,
  fields: (t) => ({
    subscriptions: t.field({
      type: [NamedSubscriptionRef],
      description: 'Those that exist, at most 100; empty where Apple could not be asked.',
      resolve: (error) => error.subscriptions,
    }),
  }),
});

builder.objectType(failures.SeatSubscriptionNotActiveError, {
  name: 'SeatSubscriptionNotActiveError',
  description: 'The seat subscription has ended or is paused.',
  ...plain,
  fields: (t) => ({ status: t.exposeString('status', { description: '`INACTIVE` or `PAUSED`.' }) }),
});

builder.objectType(failures.NoSeatsAvailableError, {
  name: 'NoSeatsAvailableError',
  description: 'Fewer seats of the kind are free than were asked for.',
  ...plain,
  fields: (t) => ({
    renewing: t.exposeBoolean('renewing', { description: 'Seats that renew were asked for, or such that expire.' }),
    requested: t.exposeInt('requested', { description: 'How many were asked for.' }),
    available: t.expose('available', { type: 'Count', description: 'How many are free.' }),
    asOf: t.expose('asOf', { type: 'DateTime', description: "When Apple's numbers were read." }),
  }),
});

builder.objectType(failures.UserNotAssociatedError, {
  name: 'UserNotAssociatedError',
  description: 'Seats are for users who are linked to an Apple Account.',
  ...plain,
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the user.',
      resolve: (error) => globalId('VppUser', error.vppUserId),
    }),
    status: t.exposeString('status', { description: 'Where the user stands; `UNKNOWN` when nobody told yet.' }),
  }),
});

builder.objectType(failures.UserOfOtherLibraryError, {
  name: 'UserOfOtherLibraryError',
  description: 'The user belongs to the library of another token than the seat subscription.',
  ...plain,
  fields: (t) => ({
    vppUserId: t.id({
      description: 'Global id of the user.',
      resolve: (error) => globalId('VppUser', error.vppUserId),
    }),
  }),
});

builder.objectType(failures.SeatAlreadyAssignedError, {
  name: 'SeatAlreadyAssignedError',
  description: 'The user holds a seat already.',
  ...plain,
  fields: (t) => ({ renewing: t.exposeBoolean('renewing', { description: 'Whether that one renews.' }) }),
});

builder.objectType(failures.SeatNotAssignedError, {
  name: 'SeatNotAssignedError',
  description: 'There is no seat to take back.',
  ...plain,
});

builder.objectType(failures.SeatChangeInProgressError, {
  name: 'SeatChangeInProgressError',
  description: 'The seat is just being assigned or taken back.',
  ...plain,
});

builder.objectType(failures.MdmNotConnectedError, {
  name: 'MdmNotConnectedError',
  description: 'The organization is connected to no MDM server. Nothing was done.',
  ...plain,
});

builder.objectType(failures.MdmAlreadyConnectedError, {
  name: 'MdmAlreadyConnectedError',
  description: 'The organization is connected to an MDM server already. Nothing was changed.',
  ...plain,
});

builder.objectType(failures.DeviceNotEnrolledError, {
  name: 'DeviceNotEnrolledError',
  description: 'The MDM server does not know the device. Nothing was done there.',
  ...plain,
});

builder.objectType(failures.InstallNotSupportedError, {
  name: 'InstallNotSupportedError',
  description: 'The device is a Mac, and apps can’t be installed on Macs yet. Nothing was done there.',
  ...plain,
});

builder.objectType(failures.AlreadyInstalledError, {
  name: 'AlreadyInstalledError',
  description: 'The app is on the device, managed and with a license. Nothing was needed.',
  ...plain,
});

builder.objectType(failures.OperationInProgressError, {
  name: 'OperationInProgressError',
  description: 'The app is just being installed, updated or removed on the device. Nothing was added.',
  ...plain,
  fields: (t) => ({
    kind: t.field({
      type: AppOperationKindEnum,
      description: 'What is being done.',
      resolve: (error) => error.kind,
    }),
  }),
});

builder.objectType(failures.MdmUnavailableError, {
  name: 'MdmUnavailableError',
  description: "The MDM server can't be used as it is given. Nothing was changed, and no device was told anything.",
  ...plain,
  fields: (t) => ({
    problem: t.field({
      type: MdmProblemEnum,
      description: 'What is to be mended.',
      resolve: (error) => error.problem,
    }),
    httpStatus: t.exposeInt('httpStatus', { nullable: true, description: "HTTP's status, where the server answered." }),
  }),
});

builder.objectType(failures.RemovalNotSupportedError, {
  name: 'RemovalNotSupportedError',
  description: 'Apps can’t be removed from devices of this kind yet. Nothing was removed.',
  ...plain,
});

builder.objectType(failures.AppNotManagedError, {
  name: 'AppNotManagedError',
  description: 'The app is on the device and not managed, so it can’t be removed from afar. Nothing was removed.',
  ...plain,
});

builder.objectType(failures.AppNotInstalledError, {
  name: 'AppNotInstalledError',
  description: 'The device does not have the app. Nothing was removed.',
  ...plain,
});
