/**
 * Expected failures: one class for each code, with the data a client needs to act. Messages say what happened, what
 * was not done and what to do. They know no transport; `graphql/errors.ts` puts them on the wire.
 * @module
 */
import type { MdmProblem } from './mdm-ports.ts';

/** Every code of an expected failure. Stable: clients branch on it. */
export type ErrorCode =
  | 'FORBIDDEN'
  | 'INVALID_INPUT'
  | 'NOT_FOUND'
  | 'SCOPE_EXCEEDED'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INVALID_TOKEN_FILE'
  | 'DIFFERENT_LIBRARY'
  | 'OLDER_TOKEN_FILE'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_NOT_USABLE'
  | 'TOKEN_HOLDS_LICENSES'
  | 'INSTALLATION_NOT_CONFIRMED'
  | 'APPLE_UNAVAILABLE'
  | 'APPLE_REFUSED'
  | 'NO_TOKEN_FOR_APP'
  | 'NO_LICENSES_AVAILABLE'
  | 'QUOTA_EXCEEDED'
  | 'NOT_DEVICE_ASSIGNABLE'
  | 'NOT_REVOCABLE'
  | 'NOT_LICENSED'
  | 'ALREADY_LICENSED'
  | 'ALREADY_WAITING'
  | 'WAIT_EXPIRED'
  | 'REVOKE_IN_PROGRESS'
  | 'UNKNOWN_DEVICE'
  | 'USER_NOT_ACTIVE'
  | 'CONFIRMATION_REQUIRED'
  | 'OS_TOO_OLD'
  | 'PLATFORM_NOT_SUPPORTED'
  | 'APP_NOT_RELEASED'
  | 'APP_NOT_REQUESTABLE'
  | 'DEVICE_HOLDS_LICENSES'
  | 'REMOVAL_NOT_CONFIRMED'
  | 'TASK_FINISHED'
  | 'TASK_NOT_RETRYABLE'
  | 'PLAN_STALE'
  | 'SEATS_NOT_ENABLED'
  | 'SEAT_SUBSCRIPTIONS_EXIST'
  | 'SEAT_SUBSCRIPTION_NOT_ACTIVE'
  | 'NO_SEATS_AVAILABLE'
  | 'USER_NOT_ASSOCIATED'
  | 'USER_OF_OTHER_LIBRARY'
  | 'SEAT_ALREADY_ASSIGNED'
  | 'SEAT_NOT_ASSIGNED'
  | 'SEAT_CHANGE_IN_PROGRESS'
  | 'SEAT_HELD_THROUGH_GROUP'
  | 'MDM_NOT_CONNECTED'
  | 'MDM_ALREADY_CONNECTED'
  | 'MDM_UNAVAILABLE'
  | 'DEVICE_NOT_ENROLLED'
  | 'INSTALL_NOT_SUPPORTED'
  | 'ALREADY_INSTALLED'
  | 'OPERATION_IN_PROGRESS'
  | 'REMOVAL_NOT_SUPPORTED'
  | 'APP_NOT_MANAGED'
  | 'APP_NOT_INSTALLED'
  | 'CURSOR_INVALID'
  | 'CANCELLED';

/**
 * An expected failure. `inputPath` leads to the input that caused it, from the mutation's `input` down. It is not named
 * `path`: GraphQL takes an error with such a list for one that it has located itself.
 */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode;
  readonly inputPath: string[];

  constructor(message: string, path: string[] = []) {
    super(message);
    this.name = new.target.name;
    this.inputPath = path;
  }
}

/** The actor has no right to do it. A top-level error everywhere, never a union member. */
export class ForbiddenError extends DomainError {
  readonly code = 'FORBIDDEN';
  readonly required: string;
  constructor(required: string) {
    super(
      `Not allowed: this needs the right "${required}". Nothing was read or changed. Ask an administrator for a key that has it.`,
    );
    this.required = required;
  }
}

/** One thing wrong with an input. */
export interface InputIssue {
  path: string[];
  message: string;
}

/** The input does not have the wanted shape or range. */
export class InvalidInputError extends DomainError {
  readonly code = 'INVALID_INPUT';
  readonly issues: InputIssue[];
  constructor(issues: InputIssue[]) {
    super(
      `The input was refused and nothing was changed: ${issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ')}`,
      issues[0]?.path ?? [],
    );
    this.issues = issues;
  }
}

/** No such thing in this organization. */
export class NotFoundError extends DomainError {
  readonly code = 'NOT_FOUND';
  readonly kind: string;
  readonly missing: string[];
  constructor(kind: string, missing: string[], path: string[] = []) {
    super(
      `No ${kind} with this id in the organization (${missing.slice(0, 5).join(', ')}). Nothing was changed.`,
      path,
    );
    this.kind = kind;
    this.missing = missing;
  }
}

/** A key can't make a key that may do more than itself. */
export class ScopeExceededError extends DomainError {
  readonly code = 'SCOPE_EXCEEDED';
  readonly scopes: string[];
  constructor(scopes: string[], path: string[] = []) {
    super(
      `No key was made: the key you sign in with lacks ${scopes.join(', ')} and can't hand out more than it has.`,
      path,
    );
    this.scopes = scopes;
  }
}

/** The same idempotency key came with another input. */
export class IdempotencyKeyReusedError extends DomainError {
  readonly code = 'IDEMPOTENCY_KEY_REUSED';
  constructor() {
    super(
      'This idempotency key was used before with another input. Nothing was done. Use a new key for a new request.',
      ['idempotencyKey'],
    );
  }
}

/** The uploaded text is not a usable content token. `reason` is one of a closed list. */
export class InvalidTokenFileError extends DomainError {
  readonly code = 'INVALID_TOKEN_FILE';
  readonly reason: string;
  readonly appleErrorNumber: number | null;
  constructor(reason: string, hint: string, appleErrorNumber: number | null = null) {
    super(`The content token was refused and nothing was stored: ${hint}`, ['file']);
    this.reason = reason;
    this.appleErrorNumber = appleErrorNumber;
  }
}

/** A renewal with the token of another library. */
export class DifferentLibraryError extends DomainError {
  readonly code = 'DIFFERENT_LIBRARY';
  readonly libraryName: string | null;
  constructor(libraryName: string | null) {
    super(
      `The token was not renewed: the file opens another library${libraryName ? ` ("${libraryName}")` : ''}. Renew with a file of the same library, or upload this one as a token of its own.`,
      ['file'],
    );
    this.libraryName = libraryName;
  }
}

/** A token file that ends earlier than the one Russet has. */
export class OlderTokenFileError extends DomainError {
  readonly code = 'OLDER_TOKEN_FILE';
  readonly currentExpiresAt: Date;
  constructor(currentExpiresAt: Date) {
    super(
      `Nothing was stored: this file expires before the one in use (${currentExpiresAt.toISOString()}). Download a new file, or send force: true to use this one.`,
      ['file'],
    );
    this.currentExpiresAt = currentExpiresAt;
  }
}

/** The token is past its date; no call was made. */
export class TokenExpiredError extends DomainError {
  readonly code = 'TOKEN_EXPIRED';
  readonly tokenId: bigint;
  readonly expiredAt: Date;
  constructor(tokenId: bigint, label: string, expiredAt: Date) {
    super(
      `The token "${label}" expired at ${expiredAt.toISOString()}. Nothing was sent to Apple. Upload a renewed token file.`,
      ['tokenId'],
    );
    this.tokenId = tokenId;
    this.expiredAt = expiredAt;
  }
}

/** The token can't be used in its present state. */
export class TokenNotUsableError extends DomainError {
  readonly code = 'TOKEN_NOT_USABLE';
  readonly tokenId: bigint;
  readonly state: string;
  constructor(tokenId: bigint, label: string, state: string, advice: string) {
    super(`The token "${label}" is ${state}. Nothing was sent to Apple. ${advice}`, ['tokenId']);
    this.tokenId = tokenId;
    this.state = state;
  }
}

/** Licenses of a token that have not ended, by kind; one license may be of several. */
export interface TokenHoldings {
  total: bigint;
  /** Held by devices. */
  devices: bigint;
  /** Held by people. */
  users: bigint;
  /** Asked for, and not confirmed by Apple. */
  reserved: bigint;
  /** Just being taken back. */
  revoking: bigint;
  /** Held, and not to be taken back: Apple sold them so. */
  irrevocable: bigint;
  /** Given outside of Russet. */
  external: bigint;
  /** Number of different apps. */
  apps: bigint;
  /** Seats of subscriptions, beside the licenses. */
  seats: bigint;
}

/** A token still holds licenses, and nobody said what becomes of them. */
export class TokenHoldsLicensesError extends DomainError {
  readonly code = 'TOKEN_HOLDS_LICENSES';
  readonly licenses: bigint;
  readonly holdings: TokenHoldings;
  /** Up to 100 of those that are reserved. */
  readonly reserved: readonly bigint[];
  constructor(holdings: TokenHoldings, reserved: readonly bigint[]) {
    const { total, devices, users, reserved: asked, irrevocable, seats } = holdings;
    const subscribed =
      seats > 0n
        ? ` ${seats} seats of subscriptions stay at Apple in either case: take them back with removeSeats before.`
        : '';
    super(
      `The token was not removed: ${total} licenses hang on it (${devices} of devices, ${users} of people, ${asked} reserved; ${irrevocable} can't be taken back). Send releaseLicenses: true to give them back at Apple first, or false to leave them there.${subscribed}`,
      ['releaseLicenses'],
    );
    this.licenses = total;
    this.holdings = holdings;
    this.reserved = reserved;
  }
}

/** The database is another installation's: a copy, or a backup that was restored elsewhere. */
export class InstallationNotConfirmedError extends DomainError {
  readonly code = 'INSTALLATION_NOT_CONFIRMED';
  constructor() {
    super(
      'Nothing was sent to Apple: this database belongs to another installation, so it is a copy. Reading goes on. If no other installation writes for these libraries, an administrator says so with confirmInstallation or npm run admin -- adopt-database.',
    );
  }
}

/** Apple could not be reached, or was not able to answer. */
export class AppleUnavailableError extends DomainError {
  readonly code = 'APPLE_UNAVAILABLE';
  /** Seconds that Apple asked to wait. */
  readonly retryAfter: number | null;
  constructor(retryAfter: number | null = null) {
    const when = retryAfter !== null && retryAfter > 60 ? `${Math.ceil(retryAfter / 60)} minutes` : 'a minute';
    super(`Apple did not answer. Nothing was stored or changed. Try again in ${when}.`);
    this.retryAfter = retryAfter;
  }
}

/** Apple answered with an error. */
export class AppleRefusedError extends DomainError {
  readonly code = 'APPLE_REFUSED';
  readonly appleErrorNumber: number | null;
  constructor(appleErrorNumber: number | null, what: string) {
    super(
      `Apple refused${appleErrorNumber === null ? '' : ` with error ${appleErrorNumber}`}: ${what}. Nothing was changed.`,
    );
    this.appleErrorNumber = appleErrorNumber;
  }
}

/** No token of the organization holds the app. */
export class NoTokenForAppError extends DomainError {
  readonly code = 'NO_TOKEN_FOR_APP';
  readonly skipped: SkippedToken[];
  constructor(app: string, skipped: SkippedToken[]) {
    super(
      `No usable token holds "${app}". Nothing was associated.${skipped.length ? ` Skipped: ${skipped.map((token) => `${token.label} (${token.reason})`).join(', ')}.` : ' Acquire the app in Apple School or Business Manager and sync.'}`,
      ['appIds'],
    );
    this.skipped = skipped;
  }
}

/** A token that was passed over, and why. */
export interface SkippedToken {
  tokenId: bigint;
  label: string;
  /** A token state or a {@link SkipReason}. */
  reason: string;
}

/** Why a token is passed over whatever its state: no seat is free; what is free is its reserve, or for requests that wait… */
export type SkipReason =
  | 'NO_LICENSES_AVAILABLE'
  | 'RESERVE'
  | 'QUEUE'
  | 'APP_NOT_HELD'
  | 'NOT_DEVICE_ASSIGNABLE'
  | 'PLATFORM_NOT_SUPPORTED';

/** The devices of a group hold as many seats as they may. */
export class QuotaExceededError extends DomainError {
  readonly code = 'QUOTA_EXCEEDED';
  readonly groupId: bigint;
  readonly group: string;
  /** The app that is counted; null when all apps count together. */
  readonly appId: bigint | null;
  readonly quota: bigint;
  readonly used: bigint;
  constructor(
    app: string,
    limit: { groupId: bigint; groupName: string; appId: bigint | null; seats: bigint },
    used: bigint,
  ) {
    const what = limit.appId === null ? 'licenses of all apps together' : `licenses of "${app}"`;
    super(
      `The devices of the group "${limit.groupName}" may hold ${limit.seats} ${what} and hold ${used}. "${app}" was not associated. Revoke some, or raise the quota with setGroupQuota.`,
      ['target'],
    );
    this.groupId = limit.groupId;
    this.group = limit.groupName;
    this.appId = limit.appId;
    this.quota = limit.seats;
    this.used = used;
  }
}

/** Fewer seats are free than were asked for. */
export class NoLicensesAvailableError extends DomainError {
  readonly code = 'NO_LICENSES_AVAILABLE';
  readonly requested: number;
  readonly available: bigint;
  readonly asOf: Date;
  readonly skipped: SkippedToken[];
  constructor(app: string, requested: number, available: bigint, asOf: Date, skipped: SkippedToken[] = []) {
    super(
      `"${app}" has ${available} free ${available === 1n ? 'license' : 'licenses'} and ${requested} were requested (Apple's numbers as of ${asOf.toISOString()}). Nothing was associated. Buy more, or revoke some; Russet is reading the count again now.`,
      ['appIds'],
    );
    this.requested = requested;
    this.available = available;
    this.asOf = asOf;
    this.skipped = skipped;
  }
}

/** Apple does not license this item to devices. */
export class NotDeviceAssignableError extends DomainError {
  readonly code = 'NOT_DEVICE_ASSIGNABLE';
  constructor(app: string) {
    super(
      `"${app}" can't be licensed to devices; its developer or Apple allows user licenses only. Nothing was associated.`,
      ['appIds'],
    );
  }
}

/** Apple does not take this item back. */
export class NotRevocableError extends DomainError {
  readonly code = 'NOT_REVOCABLE';
  constructor(app: string) {
    super(`Licenses of "${app}" can't be taken back once given; Apple sells it as irrevocable. Nothing was revoked.`, [
      'appIds',
    ]);
  }
}

/** There is no license to take back. */
export class NotLicensedError extends DomainError {
  readonly code = 'NOT_LICENSED';
  constructor(message = 'None of these devices holds such a license. Nothing was revoked.') {
    super(message);
  }
}

/** Every named device holds the license already. */
export class AlreadyLicensedError extends DomainError {
  readonly code = 'ALREADY_LICENSED';
  readonly tokenId: bigint;
  constructor(app: string, tokenId: bigint) {
    super(`A license of "${app}" is held already. Nothing was needed and no second license was taken.`, ['target']);
    this.tokenId = tokenId;
  }
}

/** The device waits for a seat of the app already. */
export class AlreadyWaitingError extends DomainError {
  readonly code = 'ALREADY_WAITING';
  readonly taskId: bigint;
  constructor(app: string, taskId: bigint) {
    super(`The device already waits for a license of "${app}". Nothing was added. Cancel that task to ask anew.`, [
      'target',
    ]);
    this.taskId = taskId;
  }
}

/** The device's license is just being taken back. */
export class RevokeInProgressError extends DomainError {
  readonly code = 'REVOKE_IN_PROGRESS';
  constructor(app: string) {
    super(
      `The license of "${app}" is just being taken back. Nothing was associated. Try again when the revoke is done.`,
      ['target'],
    );
  }
}

/** A device that the organization does not have. */
export class UnknownDeviceError extends DomainError {
  readonly code = 'UNKNOWN_DEVICE';
  readonly devices: string[];
  readonly count: number;
  constructor(devices: string[], path: string[] = ['target']) {
    super(
      `Unknown: ${devices.slice(0, 5).join(', ')}${devices.length > 5 ? ` and ${devices.length - 5} more` : ''}. Nothing was done. Check the serial number, or add it with upsertDevices.`,
      path,
    );
    this.devices = devices.slice(0, 100);
    this.count = devices.length;
  }
}

/** A person who can hold no new license now. */
export class UserNotActiveError extends DomainError {
  readonly code = 'USER_NOT_ACTIVE';
  readonly vppUserId: bigint;
  /** Where the person stands; `RETIRING` while a task is at it, `UNKNOWN` when only a license names them. */
  readonly status: string;
  constructor(vppUserId: bigint, clientUserId: string, status: string, path: string[] = ['target']) {
    super(
      `The user ${clientUserId} is ${status}. Nothing was done. Only users who are REGISTERED or ASSOCIATED can be changed, retired or given licenses.`,
      path,
    );
    this.vppUserId = vppUserId;
    this.status = status;
  }
}

/** Licenses that an irrevocable assignment would spend. */
export interface Spending {
  appId: bigint;
  app: string;
  licenses: number;
}

/** The request would spend licenses for good, and nobody confirmed it. */
export class ConfirmationRequiredError extends DomainError {
  readonly code = 'CONFIRMATION_REQUIRED';
  readonly licenses: number;
  readonly spending: Spending[];
  constructor(spending: Spending[], advice: string) {
    const licenses = spending.reduce((sum, one) => sum + one.licenses, 0);
    const named = spending.slice(0, 5).map((one) => `${one.licenses} of "${one.app}"`);
    super(
      `Nothing was assigned: ${licenses} ${licenses === 1 ? 'license' : 'licenses'} would be spent for good (${named.join(', ')}), for Apple never takes them back. ${advice}`,
      ['confirmIrrevocable'],
    );
    this.licenses = licenses;
    this.spending = spending;
  }
}

/** The app stands at a point at which this device, or a person, can't get it. */
export class AppNotReleasedError extends DomainError {
  readonly code = 'APP_NOT_RELEASED';
  readonly status: string;
  constructor(app: string, status: string, holder: string) {
    super(
      `"${app}" stands at ${status}, and ${holder} may only get apps that are released. Nothing was associated. Release the app with setAppStatus, or let a device group have such apps with setDeviceGroupAppStatuses.`,
      ['appIds'],
    );
    this.status = status;
  }
}

/** A holder can't have the app now. Tells nothing of tokens, counts or other holders. */
export class AppNotRequestableError extends DomainError {
  readonly code = 'APP_NOT_REQUESTABLE';
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(`The app was not requested. ${message}`, ['appId']);
    this.reason = reason;
  }
}

/** The device runs a system that can't hold device licenses. */
export class OsTooOldError extends DomainError {
  readonly code = 'OS_TOO_OLD';
  readonly required: string;
  readonly actual: string;
  constructor(serialNumber: string, required: string, actual: string) {
    super(
      `Device ${serialNumber} runs ${actual}; device licenses need ${required} or newer. Nothing was associated. Update the device.`,
      ['target'],
    );
    this.required = required;
    this.actual = actual;
  }
}

/** The app does not run on the device's platform. */
export class PlatformNotSupportedError extends DomainError {
  readonly code = 'PLATFORM_NOT_SUPPORTED';
  readonly platforms: string[];
  constructor(app: string, serialNumber: string, platforms: string[]) {
    super(
      `"${app}" runs on ${platforms.join(', ') || 'no known platform'} and not on device ${serialNumber}. Nothing was associated.`,
      ['target'],
    );
    this.platforms = platforms;
  }
}

/** A device that still holds seats can't be removed. */
export class DeviceHoldsLicensesError extends DomainError {
  readonly code = 'DEVICE_HOLDS_LICENSES';
  readonly licenses: bigint;
  readonly devices: string[];
  constructor(licenses: bigint, devices: string[]) {
    super(
      `No device was removed: ${licenses} licenses are still held by ${devices.slice(0, 5).join(', ')}. Revoke them first, or send revoke: true.`,
    );
    this.licenses = licenses;
    this.devices = devices.slice(0, 100);
  }
}

/** Replacing the whole list would remove devices, and nobody confirmed how many. */
export class RemovalNotConfirmedError extends DomainError {
  readonly code = 'REMOVAL_NOT_CONFIRMED';
  readonly wouldRemove: number;
  constructor(wouldRemove: number, preview: string[]) {
    super(
      `Nothing was changed: replaceAll would remove ${wouldRemove} devices (${preview.slice(0, 5).join(', ')}…). Send confirmRemovals: ${wouldRemove} to go ahead.`,
      ['confirmRemovals'],
    );
    this.wouldRemove = wouldRemove;
  }
}

/** The task is over. */
export class TaskFinishedError extends DomainError {
  readonly code = 'TASK_FINISHED';
  constructor(state: string) {
    super(`The task is already ${state}. Nothing was cancelled.`, ['taskId']);
  }
}

/** There is nothing in the task that could be tried again. */
export class TaskNotRetryableError extends DomainError {
  readonly code = 'TASK_NOT_RETRYABLE';
  constructor(message: string) {
    super(message, ['taskId']);
  }
}

/** What can differ between the making of a plan and its application. */
export type PlanChange = 'EXPIRED' | 'LICENSES' | 'TOKENS' | 'ITEMS';

const planChanges: Record<PlanChange, string> = {
  EXPIRED: 'it is older than an hour',
  LICENSES: 'licenses of its apps were bought, given or freed',
  TOKENS: 'tokens were added, removed, reordered or changed their state',
  ITEMS: 'something else would happen to its devices, people or licenses',
};

/** The world is not as it was when the plan was made. */
export class PlanStaleError extends DomainError {
  readonly code = 'PLAN_STALE';
  readonly changed: PlanChange[];
  constructor(changed: PlanChange[], path: string[] = []) {
    super(
      `Nothing was done: the plan no longer holds, because ${changed.map((change) => planChanges[change]).join(', and ')}. Make a new plan, look at it and apply that.`,
      path,
    );
    this.changed = changed;
  }
}

/** Seat subscriptions of the token's library are not managed by Russet. */
export class SeatsNotEnabledError extends DomainError {
  readonly code = 'SEATS_NOT_ENABLED';
  readonly tokenId: bigint;
  constructor(tokenId: bigint, label: string) {
    super(
      `Nothing was done: seat subscriptions of the token "${label}" are not managed here. enableSeatSubscriptions declares it to Apple.`,
      ['subscriptionIds'],
    );
    this.tokenId = tokenId;
  }
}

/** A seat subscription as an error names it. */
export interface NamedSubscription {
  adamId: string;
  parentAdamId: string;
  status: string;
  /** Seats of both kinds. */
  seats: number;
}

/** Apple does not let go of a library that has seat subscriptions (9818). */
export class SeatSubscriptionsExistError extends DomainError {
  readonly code = 'SEAT_SUBSCRIPTIONS_EXIST';
  readonly subscriptions: NamedSubscription[];
  constructor(subscriptions: NamedSubscription[]) {
    const named = subscriptions.slice(0, 5).map((one) => `${one.adamId} (${one.seats} seats)`);
    super(
      `Nothing was changed: Apple keeps seat subscriptions enabled while some exist${named.length > 0 ? `: ${named.join(', ')}` : ''}. Let them end first.`,
      ['tokenId'],
    );
    this.subscriptions = subscriptions;
  }
}

/** No seats are given of a subscription that has ended or is paused. */
export class SeatSubscriptionNotActiveError extends DomainError {
  readonly code = 'SEAT_SUBSCRIPTION_NOT_ACTIVE';
  readonly status: string;
  constructor(adamId: string, status: string) {
    super(`The seat subscription ${adamId} is ${status}. No seat was assigned. Only those of an ACTIVE one can be.`, [
      'subscriptionIds',
    ]);
    this.status = status;
  }
}

/** Fewer seats of the kind are free than were asked for. */
export class NoSeatsAvailableError extends DomainError {
  readonly code = 'NO_SEATS_AVAILABLE';
  readonly renewing: boolean;
  readonly requested: number;
  readonly available: bigint;
  readonly asOf: Date;
  constructor(adamId: string, renewing: boolean, requested: number, available: bigint, asOf: Date) {
    super(
      `The seat subscription ${adamId} has ${available} free seats that ${renewing ? 'renew' : 'expire'}, and ${requested} were requested (Apple's numbers as of ${asOf.toISOString()}). No seat was assigned. Buy more, take some back, or ask for the other kind; Russet is reading the numbers again now.`,
      ['subscriptionIds'],
    );
    this.renewing = renewing;
    this.requested = requested;
    this.available = available;
    this.asOf = asOf;
  }
}

/** Seats are for people who are linked to an Apple Account. */
export class UserNotAssociatedError extends DomainError {
  readonly code = 'USER_NOT_ASSOCIATED';
  readonly vppUserId: bigint;
  readonly status: string;
  constructor(vppUserId: bigint, clientUserId: string, status: string) {
    super(
      `The user ${clientUserId} is ${status}. No seat was assigned. Only users who are ASSOCIATED with an Apple Account can hold one.`,
      ['vppUserIds'],
    );
    this.vppUserId = vppUserId;
    this.status = status;
  }
}

/** A person is known to one library, and the subscription belongs to another. */
export class UserOfOtherLibraryError extends DomainError {
  readonly code = 'USER_OF_OTHER_LIBRARY';
  readonly vppUserId: bigint;
  constructor(vppUserId: bigint, clientUserId: string) {
    super(
      `The user ${clientUserId} belongs to the library of another token than the seat subscription. Nothing was done.`,
      ['vppUserIds'],
    );
    this.vppUserId = vppUserId;
  }
}

/** The person holds a seat of the subscription already. */
export class SeatAlreadyAssignedError extends DomainError {
  readonly code = 'SEAT_ALREADY_ASSIGNED';
  readonly renewing: boolean;
  constructor(clientUserId: string, renewing: boolean) {
    super(
      `The user ${clientUserId} already holds a seat, which ${renewing ? 'renews' : 'expires'} with the period. Nothing was needed and no second one was taken.`,
      ['vppUserIds'],
    );
    this.renewing = renewing;
  }
}

/** There is no seat to take back. */
export class SeatNotAssignedError extends DomainError {
  readonly code = 'SEAT_NOT_ASSIGNED';
  constructor(clientUserId: string) {
    super(`The user ${clientUserId} holds no such seat. Nothing was taken back.`, ['vppUserIds']);
  }
}

/** Apple is just at the seat. */
export class SeatChangeInProgressError extends DomainError {
  readonly code = 'SEAT_CHANGE_IN_PROGRESS';
  /** What is going on, or settled already. */
  readonly doing: 'ASSIGNED' | 'REMOVED' | 'DEFERRED';
  constructor(clientUserId: string, doing: 'ASSIGNED' | 'REMOVED' | 'DEFERRED') {
    const what = {
      ASSIGNED: 'is just being assigned. Try again when that is done',
      REMOVED: 'is just being taken back',
      DEFERRED: 'already leaves at the end of the period. Take it back at once with deferred: false',
    }[doing];
    super(`The seat of the user ${clientUserId} ${what}. Nothing was done.`, ['vppUserIds']);
    this.doing = doing;
  }
}

/** The organization has no way to its devices. */
export class MdmNotConnectedError extends DomainError {
  readonly code = 'MDM_NOT_CONNECTED';
  constructor() {
    super('The organization is connected to no MDM server. Nothing was done. Connect one with connectMdm.');
  }
}

/** An organization has one way to its devices. */
export class MdmAlreadyConnectedError extends DomainError {
  readonly code = 'MDM_ALREADY_CONNECTED';
  constructor() {
    super(
      'The organization is connected to an MDM server already, and nothing was changed. Change it with updateMdm, or remove it with removeMdm first.',
    );
  }
}

/** The MDM server can't be used. `problem` says what is to be mended. */
export class MdmUnavailableError extends DomainError {
  readonly code = 'MDM_UNAVAILABLE';
  readonly problem: MdmProblem;
  /** The same as a sentence. */
  readonly detail: string;
  readonly httpStatus: number | null;
  constructor(problem: MdmProblem, detail: string, httpStatus: number | null) {
    super(`${detail}. Nothing was changed and no device was told anything.`);
    this.problem = problem;
    this.detail = detail;
    this.httpStatus = httpStatus;
  }
}

/** The MDM server does not know the device. */
export class DeviceNotEnrolledError extends DomainError {
  readonly code = 'DEVICE_NOT_ENROLLED';
  constructor(serialNumber: string, path: string[] = ['target']) {
    super(
      `Device ${serialNumber} is not enrolled with the MDM server, so nothing can be sent to it. Nothing was done there. Enroll it, then try again.`,
      path,
    );
  }
}

/** Apps can't be installed on devices of this kind yet. */
export class InstallNotSupportedError extends DomainError {
  readonly code = 'INSTALL_NOT_SUPPORTED';
  constructor(serialNumber: string) {
    super(
      `Device ${serialNumber} is a Mac. Russet gives Macs licenses and reads their apps; installing on them comes later. Nothing was installed. Install it with the MDM server once the license is confirmed.`,
      ['target'],
    );
  }
}

/** The app is there, managed and licensed. */
export class AlreadyInstalledError extends DomainError {
  readonly code = 'ALREADY_INSTALLED';
  constructor(app: string, serialNumber: string) {
    super(
      `"${app}" is on device ${serialNumber} already, managed and with a license. Nothing was needed. Newer versions come by update policies.`,
      ['target'],
    );
  }
}

/** At most one thing is done with an app on a device at a time. */
export class OperationInProgressError extends DomainError {
  readonly code = 'OPERATION_IN_PROGRESS';
  /** What is being done. */
  readonly kind: 'INSTALL' | 'UPDATE' | 'REMOVE';
  constructor(app: string, serialNumber: string, kind: 'INSTALL' | 'UPDATE' | 'REMOVE') {
    const doing = { INSTALL: 'installed', UPDATE: 'updated', REMOVE: 'removed' }[kind];
    super(
      `"${app}" is just being ${doing} on device ${serialNumber}. Nothing was added. Wait for the end of that, or cancel its task.`,
      ['target'],
    );
    this.kind = kind;
  }
}

/** Apps can't be removed from devices of this kind yet. */
export class RemovalNotSupportedError extends DomainError {
  readonly code = 'REMOVAL_NOT_SUPPORTED';
  constructor(serialNumber: string) {
    super(
      `Device ${serialNumber} is a Mac. Russet gives Macs licenses and reads their apps; removing apps from them comes later. Nothing was removed. Remove it with the MDM server, and take the license back with revokeLicenses.`,
      ['target'],
    );
  }
}

/** Only apps that the MDM server manages can be removed from afar. */
export class AppNotManagedError extends DomainError {
  readonly code = 'APP_NOT_MANAGED';
  constructor(app: string, serialNumber: string) {
    super(
      `"${app}" is on device ${serialNumber}, put there by somebody else, and is not managed, so it can't be removed from afar. Nothing was removed. Delete it at the device, or install it once so that it is taken over.`,
      ['target'],
    );
  }
}

/** The device does not have the app. */
export class AppNotInstalledError extends DomainError {
  readonly code = 'APP_NOT_INSTALLED';
  constructor(app: string, serialNumber: string) {
    super(`The apps that device ${serialNumber} last told do not include "${app}". Nothing was removed.`, ['target']);
  }
}

/** The cursor of a stream is not one that was handed out for it. */
export class CursorInvalidError extends DomainError {
  readonly code = 'CURSOR_INVALID';
  readonly reason: 'MALFORMED' | 'OTHER_TASK' | 'AHEAD';
  constructor(reason: 'MALFORMED' | 'OTHER_TASK' | 'AHEAD') {
    super(
      'The cursor was refused and nothing was sent: it was not handed out for this stream. Subscribe without "after" to begin with the present.',
      ['after'],
    );
    this.reason = reason;
  }
}
