/** What `setOptions` accepts as JSON: every option by name, none besides. @module */
import { z } from 'zod';
import type { MdmOptions } from './devices/mdm/options.ts';
import type { FleetOptions } from './devices/options.ts';
import type { Limits, NotificationMisfortunes, OptionsPatch, SimulatorOptions } from './options.ts';

const count = z.number().int().min(0);
const errorNumber = z.number().int().min(9000).max(9999);

const limit = {
  maxAssets: count,
  maxClientUserIds: count,
  maxSerialNumbers: count,
  maxRevokeClientUserIds: count,
  maxRevokeSerialNumbers: count,
  maxUsers: count,
  maxNotificationLength: count,
  maxMdmIdLength: count,
  maxMdmNameLength: count,
  maxMdmMetadataLength: count,
  maxRequestPerSecond: count,
  maxSubscriptions: count,
  maxSubscriptionClientUserIds: count,
} satisfies Record<keyof Limits, z.ZodType>;

/** Single limits. */
export const limitsPatch = z.strictObject(limit).partial();

const chance = z.number().min(0).max(1);

const misfortunes = {
  drop: chance,
  duplicate: chance,
  duplicateNewId: chance,
  reorder: chance,
  late: chance,
  unknownField: chance,
  unknownType: chance,
  unknownEvent: chance,
  negativeCount: chance,
} satisfies Record<keyof NotificationMisfortunes, z.ZodType>;

const text = z.string().min(1);

const mdm = {
  flavor: z.enum(['nanomdm', 'nanohub']),
  apiKey: text.nullable(),
  storage: z.enum(['kv', 'sql']),
  forgetsOnRepeat: z.boolean(),
  certificateHeader: text,
  pushCertificate: z.enum(['stored', 'missing', 'refused']),
  webhookUrl: z.url().nullable(),
  webhookHmacKey: text.nullable(),
  webhookConcurrency: count.min(1),
  webhookTimeoutMs: count.min(1),
  webhookDrop: chance,
  webhookDuplicate: chance,
  webhookReorder: chance,
} satisfies Record<keyof MdmOptions, z.ZodType>;

const fleet = {
  pushDelayMs: count,
  pushJitterMs: count,
  notNowRetryMs: count,
  retryMs: count.min(1),
  pollMs: count.min(1).nullable(),
  installMs: count,
  promptMs: count.nullable(),
  updateNoticeMs: count,
  propagationMs: count,
  propagationJitterMs: count,
  withoutLicense: z.enum(['9610', '12064', '2605 and 12064']),
  concurrency: count.min(1),
  stepMs: count.min(1),
} satisfies Record<keyof FleetOptions, z.ZodType>;

/** The public half of a developer's key. */
export const developerKey = z.strictObject({ teamId: text, keyId: text, publicKey: text });

const option = {
  pageSize: count.min(1),
  emptyTotalPages: count.max(1),
  enforceRate: z.boolean(),
  rateBurst: count,
  retryAfterOn429: count.nullable(),
  latencyMs: count,
  mdmInfoWhenUnset: z.enum(['omit', 'null']),
  envelopeOnErrors: z.boolean(),
  bearerMatch: z.enum(['decoded', 'exact']),
  invalidTokenStatus: z.union([z.literal(200), z.literal(401)]),
  missingHeaderNumber: errorNumber,
  readOnlyNumber: errorNumber,
  clientConfigOmitted: z.enum(['keep', 'clear']),
  allowHttpNotificationUrl: z.boolean(),
  testNotification: z.enum(['required', 'skipped']),
  notificationAddress: z.enum(['when-sent', 'when-queued']),
  notificationDelayMs: count,
  notificationJitterMs: count,
  notificationRowsMax: count.min(1),
  notificationAttempts: count.min(1),
  notificationRetryMinMs: count,
  notificationRetryMaxMs: count,
  notificationTimeoutMs: count.min(1),
  notificationConcurrency: count.min(1),
  notificationLateMs: count,
  serviceConfigUrls: z.enum(['all', 'invitation']),
  repeatAssociate: z.enum(['success', 'failure']),
  disassociateUnassigned: z.enum(['success', 'failure']),
  unknownAssetNumber: errorNumber,
  unknownUserNumber: errorNumber,
  unknownUserTiming: z.enum(['async', 'sync']),
  retireFreesSeats: z.boolean(),
  recreateRetired: z.enum(['revive', 'new']),
  sameAccountAgain: z.enum(['revive', 'replace']),
  foreignManagedAppleId: z.enum(['failure', 'invite']),
  normalizeSerialNumbers: z.boolean(),
  eventBatchMs: count,
  eventBatchSize: count.min(1),
  eventOrder: z.enum(['serial', 'parallel']),
  numCompletedCounts: z.enum(['successes', 'all']),
  partialFailureStatus: z.enum(['FAILED', 'COMPLETE']),
  eventRetentionMs: count,
  countLagSeconds: count,
  unlimitedAvailable: z.enum(['minus-assigned', 'constant']),
  unlimitedListing: z.enum(['apart', 'both']),
  lookupIds: z.enum(['first', 'all']),
  subscriptionPageSize: count.min(1),
  subscriptionLastCursor: z.enum(['absent', 'always']),
  subscriptionChecks: z.enum(['sync', 'async']),
  subscriptionTooManyNumber: errorNumber,
  subscriptionNoSeatNumber: errorNumber,
  publicLookupPerMinute: count,
  publicLookupRefusal: z.union([z.literal(403), z.literal(429)]),
  catalogDeveloperToken: z.enum(['required', 'ignored']),
  developerKeys: z.array(developerKey),
  catalogPerSecond: count.nullable(),
  catalogAppsIdsMax: count,
  catalogBooksIdsMax: count,
  stokenIdsMax: count.nullable(),
  catalogAttributes: z.enum(['nested', 'flat']),
  artworkShape: z.enum(['template', 'list']),
} satisfies Record<Exclude<keyof SimulatorOptions, 'limits' | 'notificationMisfortunes' | 'mdm' | 'fleet'>, z.ZodType>;

/** The names of all options of Apple's side, single limits and misfortunes included. */
export const appleOptions: readonly string[] = [
  ...Object.keys(option),
  ...Object.keys(limit),
  ...Object.keys(misfortunes),
];

/** A change of options. */
export const optionsPatch = z
  .strictObject({
    ...option,
    limits: limitsPatch,
    notificationMisfortunes: z.strictObject(misfortunes).partial(),
    mdm: z.strictObject(mdm).partial(),
    fleet: z.strictObject(fleet).partial(),
  })
  .partial() satisfies z.ZodType<OptionsPatch>;
