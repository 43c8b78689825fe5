/**
 * Every behavior that Apple's text leaves open, as a named option: when a live check settles a question, one default
 * changes here and nothing else. Durations are in milliseconds unless the name says otherwise.
 * @module
 */

import type { DeveloperKey } from './apple/developer-keys.ts';
import { defaultMdmOptions, type MdmOptions } from './devices/mdm/options.ts';
import { defaultFleetOptions, type FleetOptions } from './devices/options.ts';

/** The numbers that `GET /service/config` publishes and that requests are held to. */
export interface Limits {
  maxAssets: number;
  maxClientUserIds: number;
  maxSerialNumbers: number;
  maxRevokeClientUserIds: number;
  maxRevokeSerialNumbers: number;
  maxUsers: number;
  maxNotificationLength: number;
  maxMdmIdLength: number;
  maxMdmNameLength: number;
  maxMdmMetadataLength: number;
  maxRequestPerSecond: number;
  maxSubscriptions: number;
  maxSubscriptionClientUserIds: number;
}

/** Chances, from 0 to 1, that a notification meets a misfortune; the seed decides. */
export interface NotificationMisfortunes {
  /** It is never sent. */
  drop: number;
  /** It is sent once more with the same `notificationId`. */
  duplicate: number;
  /** It is sent once more with a `notificationId` of its own. */
  duplicateNewId: number;
  /** It overtakes the one that waits last. */
  reorder: number;
  /** It is sent `notificationLateMs` later. */
  late: number;
  /** It has a field nobody knows. */
  unknownField: number;
  /** Another one of an unknown type is sent too. */
  unknownType: number;
  /** Another one is sent too, of an event that nobody started. */
  unknownEvent: number;
  /** An `ASSET_COUNT` with a large negative `countDelta` for an unknown asset is sent too. */
  negativeCount: number;
}

/** How the simulator behaves. All of it can change while it runs (`setOptions`). */
export interface SimulatorOptions {
  /** The published limits; they are enforced as published. */
  limits: Limits;
  /** Rows on a page of assets, assignments and users. Apple says "several hundred"; samples show up to 1000. */
  pageSize: number;
  /** `totalPages` of an empty result: 0 or 1. */
  emptyTotalPages: number;
  /** Whether more than `maxRequestPerSecond` calls of one library in one second meet 429 with 9646. */
  enforceRate: boolean;
  /** How many calls above the published number are forgiven in any one second. */
  rateBurst: number;
  /** `Retry-After` in seconds on 429; null leaves the header out. Apple's text is silent. */
  retryAfterOn429: number | null;
  /** Time that every answer of Apple's takes at least. */
  latencyMs: number;
  /** What an answer shows while no device management service has claimed the library. */
  mdmInfoWhenUnset: 'omit' | 'null';
  /** Whether errors of a known token carry `uId`, `tokenExpirationDate` and `mdmInfo` too. */
  envelopeOnErrors: boolean;
  /** How a bearer is compared: by the inner `token` after decoding, or as text with the issued file. */
  bearerMatch: 'decoded' | 'exact';
  /** HTTP status of 9622 (token invalid): 200 was seen on the live service, 401 in one fixture. */
  invalidTokenStatus: 200 | 401;
  /** Error number when the Authorization header is missing. */
  missingHeaderNumber: number;
  /** Error number when a read-only token writes; the status goes with the number. */
  readOnlyNumber: number;
  /** Whether fields absent from `POST /client/config` stay as they were or are cleared. */
  clientConfigOmitted: 'keep' | 'clear';
  /** Whether an `http:` notification URL is accepted; Apple demands `https:`, a sandbox on one machine has none. */
  allowHttpNotificationUrl: boolean;
  /** Whether `POST /client/config` calls a new URL before it accepts it. */
  testNotification: 'required' | 'skipped';
  /** Which URL and token a notification takes: those stored when it is sent, or when what it tells of happened. */
  notificationAddress: 'when-sent' | 'when-queued';
  /** Time between what happened and its first notification: the last one comes this long after the final status. */
  notificationDelayMs: number;
  /** Up to so much more, different for each notification: their order becomes arbitrary. */
  notificationJitterMs: number;
  /** Rows of one notification. */
  notificationRowsMax: number;
  /** Attempts in all. */
  notificationAttempts: number;
  /** Least wait before a further attempt. */
  notificationRetryMinMs: number;
  /** Longest wait before a further attempt. */
  notificationRetryMaxMs: number;
  /** How long an answer is waited for, in real time. */
  notificationTimeoutMs: number;
  /** Notifications under way at once. */
  notificationConcurrency: number;
  /** Delay of the `late` misfortune. */
  notificationLateMs: number;
  /** Misfortunes of notifications. */
  notificationMisfortunes: NotificationMisfortunes;
  /** Whether `service/config` publishes all `urls` or, as some samples, the invitation alone. */
  serviceConfigUrls: 'all' | 'invitation';
  /** Associating what is associated already: success without a seat, or failure 9616. */
  repeatAssociate: 'success' | 'failure';
  /** Disassociating what is not associated: success, or failure 9619. */
  disassociateUnassigned: 'success' | 'failure';
  /** Asynchronous error number of an adamId that the library does not own. */
  unknownAssetNumber: number;
  /** Asynchronous error number of a user that the library does not know (or that is retired). */
  unknownUserNumber: number;
  /** Whether `unknownUserNumber` for an update or a retirement comes at once or in the event. */
  unknownUserTiming: 'async' | 'sync';
  /** Whether retiring a user gives back what can be taken back (the rule of v1), or leaves all seats where they are. */
  retireFreesSeats: boolean;
  /** Creating a retired user who was never linked: the old record is active again (v1), or a new one is made. */
  recreateRetired: 'revive' | 'new';
  /**
   * Accepting an invitation with the account of an earlier retired record: that one is active again and the new one
   * retires (v1), or the new one takes its place and the earlier one is `Deleted`.
   */
  sameAccountAgain: 'revive' | 'replace';
  /** A `managedAppleId` of no domain of the organization: failure 9635, or an ordinary invitation. */
  foreignManagedAppleId: 'failure' | 'invite';
  /** Whether serial numbers are trimmed and put in capitals before anything else. */
  normalizeSerialNumbers: boolean;
  /** Time between two batches of one event. 0 finishes an event as soon as anybody looks. */
  eventBatchMs: number;
  /** Tasks (asset × target) in one batch. */
  eventBatchSize: number;
  /** Whether events of one library run one after another (seats go in request order) or side by side. */
  eventOrder: 'serial' | 'parallel';
  /** Which tasks `numCompleted` counts. */
  numCompletedCounts: 'successes' | 'all';
  /** Final status of an event of which a part failed. */
  partialFailureStatus: 'FAILED' | 'COMPLETE';
  /** How long a finished event can be asked for; afterwards it is 9708. */
  eventRetentionMs: number;
  /** Seconds by which the counts in `GET /assets` lag behind the truth. */
  countLagSeconds: number;
  /** `availableCount` of an unlimited asset: what is left of 2147483647, or 2147483647 itself. */
  unlimitedAvailable: 'minus-assigned' | 'constant';
  /** Where unlimited assets are with `unlimited=true`: only in `unlimitedAssets`, or in `assets` as well. */
  unlimitedListing: 'apart' | 'both';
  /** How many comma-separated ids of one legacy lookup are answered. */
  lookupIds: 'first' | 'all';
  /** Rows on a page of subscriptions, of their assignments and admins. */
  subscriptionPageSize: number;
  /** Whether the last page has no cursor, or one that leads to an empty page. */
  subscriptionLastCursor: 'absent' | 'always';
  /** Whether 9811, 9813, 9814, 9815 and 9817 of associate and disassociate come at once or in the event. */
  subscriptionChecks: 'sync' | 'async';
  /** Error number of a subscription write that names more than the limits allow. */
  subscriptionTooManyNumber: number;
  /** Asynchronous error number when a subscription has no free seat of the kind that was asked for. */
  subscriptionNoSeatNumber: number;
  /** Calls of the public store lookup in one minute, while `enforceRate`; peers saw about 20. */
  publicLookupPerMinute: number;
  /** HTTP status of a public lookup too many. */
  publicLookupRefusal: 403 | 429;
  /** Whether the catalog needs a developer token; a proxy of a vendor's adds its own. */
  catalogDeveloperToken: 'required' | 'ignored';
  /** Keys of developer tokens at the start; others come by `addDeveloperKey`. */
  developerKeys: DeveloperKey[];
  /** Calls of the catalog in one second, above which it answers 429; null for any number. */
  catalogPerSecond: number | null;
  /** Ids of one call of the public catalog. */
  catalogAppsIdsMax: number;
  /** Ids of one call of the public catalog. */
  catalogBooksIdsMax: number;
  /** Ids of one `stoken-authenticated` call; null for any number, because none is documented. */
  stokenIdsMax: number | null;
  /** Whether what differs by platform stands under `platformAttributes` (examples) or beside the name (schema page). */
  catalogAttributes: 'nested' | 'flat';
  /** Shape of `artwork` in the legacy lookup: one object with a template, or a list of sized images. */
  artworkShape: 'template' | 'list';
  /** The MDM server beside Apple's service. */
  mdm: MdmOptions;
  /** The devices that speak to it. */
  fleet: FleetOptions;
}

/** A change of options; groups of options may name single ones. */
export type OptionsPatch = Partial<Omit<SimulatorOptions, 'limits' | 'notificationMisfortunes' | 'mdm' | 'fleet'>> & {
  limits?: Partial<Limits>;
  notificationMisfortunes?: Partial<NotificationMisfortunes>;
  mdm?: Partial<MdmOptions>;
  fleet?: Partial<FleetOptions>;
};

/** The limits of Apple's samples. */
export const defaultLimits: Limits = {
  maxAssets: 25,
  maxClientUserIds: 1000,
  maxSerialNumbers: 1000,
  maxRevokeClientUserIds: 100,
  maxRevokeSerialNumbers: 100,
  maxUsers: 100,
  maxNotificationLength: 512,
  maxMdmIdLength: 100,
  maxMdmNameLength: 100,
  maxMdmMetadataLength: 255,
  maxRequestPerSecond: 15,
  maxSubscriptions: 25,
  maxSubscriptionClientUserIds: 1000,
};

/** No misfortune. */
export const noMisfortunes: NotificationMisfortunes = {
  drop: 0,
  duplicate: 0,
  duplicateNewId: 0,
  reorder: 0,
  late: 0,
  unknownField: 0,
  unknownType: 0,
  unknownEvent: 0,
  negativeCount: 0,
};

/** What holds until somebody says otherwise. */
export const defaultOptions: SimulatorOptions = {
  limits: defaultLimits,
  pageSize: 1000,
  emptyTotalPages: 1,
  enforceRate: true,
  rateBurst: 5,
  retryAfterOn429: null,
  latencyMs: 0,
  mdmInfoWhenUnset: 'omit',
  envelopeOnErrors: false,
  bearerMatch: 'decoded',
  invalidTokenStatus: 200,
  missingHeaderNumber: 9601,
  readOnlyNumber: 9637,
  clientConfigOmitted: 'keep',
  allowHttpNotificationUrl: false,
  testNotification: 'required',
  notificationAddress: 'when-sent',
  notificationDelayMs: 200,
  notificationJitterMs: 0,
  notificationRowsMax: 100,
  notificationAttempts: 3,
  notificationRetryMinMs: 60_000,
  notificationRetryMaxMs: 150_000,
  notificationTimeoutMs: 10_000,
  notificationConcurrency: 4,
  notificationLateMs: 60_000,
  notificationMisfortunes: noMisfortunes,
  serviceConfigUrls: 'all',
  repeatAssociate: 'success',
  disassociateUnassigned: 'success',
  unknownAssetNumber: 9709,
  unknownUserNumber: 9609,
  unknownUserTiming: 'async',
  retireFreesSeats: true,
  recreateRetired: 'revive',
  sameAccountAgain: 'revive',
  foreignManagedAppleId: 'failure',
  normalizeSerialNumbers: false,
  eventBatchMs: 100,
  eventBatchSize: 100,
  eventOrder: 'serial',
  numCompletedCounts: 'successes',
  partialFailureStatus: 'FAILED',
  eventRetentionMs: 24 * 60 * 60 * 1000,
  countLagSeconds: 0,
  unlimitedAvailable: 'minus-assigned',
  unlimitedListing: 'apart',
  lookupIds: 'first',
  subscriptionPageSize: 100,
  subscriptionLastCursor: 'absent',
  subscriptionChecks: 'sync',
  subscriptionTooManyNumber: 9816,
  subscriptionNoSeatNumber: 9709,
  publicLookupPerMinute: 20,
  publicLookupRefusal: 403,
  catalogDeveloperToken: 'required',
  developerKeys: [],
  catalogPerSecond: null,
  catalogAppsIdsMax: 100,
  catalogBooksIdsMax: 150,
  stokenIdsMax: null,
  catalogAttributes: 'nested',
  artworkShape: 'template',
  mdm: defaultMdmOptions,
  fleet: defaultFleetOptions,
};

/** The options that result when `patch` is laid over `current`; undefined values change nothing. */
export function applyOptions(current: SimulatorOptions, patch: OptionsPatch): SimulatorOptions {
  const { limits, notificationMisfortunes, mdm, fleet, ...rest } = patch;
  return {
    ...current,
    ...defined(rest),
    limits: { ...current.limits, ...defined(limits ?? {}) },
    notificationMisfortunes: { ...current.notificationMisfortunes, ...defined(notificationMisfortunes ?? {}) },
    mdm: { ...current.mdm, ...defined(mdm ?? {}) },
    fleet: { ...current.fleet, ...defined(fleet ?? {}) },
  };
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
