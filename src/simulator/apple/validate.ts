/**
 * The order in which a request is checked, as one table: the first hit wins and nothing is changed. Apple publishes no
 * order; this one is ours. @module
 */
import { isWellFormedSubscription, subscriptionIdsOf } from '../subscriptions/body.ts';
import {
  hasBadCursor,
  hasSubscriptions,
  namesMissingSeat,
  namesSeatOfGroup,
  namesSleepingSubscription,
  namesTooManySubscriptions,
  namesUnknownSubscription,
  namesUnlinkedUser,
  subscriptionLists,
  subscriptionSwitches,
  subscriptionWrites,
} from '../subscriptions/checks.ts';
import type { Call, Operation } from './call.ts';
import { paged, readPageIndex, readVersion } from './paging.ts';
import {
  assetsOf,
  fieldsOf,
  isWellFormed,
  mdmInfoOf,
  serialsOf,
  textOf,
  userOrdersOf,
  usersOf,
} from './request-body.ts';

/** One line of the table. */
export interface Check {
  /** What is wrong when it hits; the rights and the login check take theirs from the options. */
  errorNumber: number | ((call: Call) => number);
  /** Operations that it concerns; absent means all. */
  only?: readonly Operation[];
  /** Whether the request is wrong in this way. */
  fails(call: Call): boolean;
}

const assign: readonly Operation[] = ['associateAssets', 'disassociateAssets'];
const revoke: readonly Operation[] = ['revokeAssets'];
const manage: readonly Operation[] = [...assign, ...revoke];
const configure: readonly Operation[] = ['setClientConfig'];
const people: readonly Operation[] = ['createUsers', 'updateUsers', 'retireUsers'];
const bodies: readonly Operation[] = [...manage, ...configure, ...people, ...subscriptionWrites];
const writes: readonly Operation[] = [...bodies, ...subscriptionSwitches];

/** The table, in order. */
export const checks: readonly Check[] = [
  { errorNumber: 9726, fails: (call) => !call.allowedMethods.includes(call.method) },
  {
    errorNumber: (call) => call.world.options.missingHeaderNumber,
    fails: (call) => needsToken(call) && !call.headers.authorization,
  },
  { errorNumber: 9722, fails: (call) => needsToken(call) && bearerOf(call.headers.authorization) === undefined },
  { errorNumber: 9622, fails: (call) => needsToken(call) && !call.token },
  { errorNumber: 9621, fails: (call) => needsToken(call) && call.now >= call.token!.expiresAt },
  { errorNumber: 9625, fails: (call) => needsToken(call) && call.token!.revoked },
  { errorNumber: 9647, fails: (call) => needsToken(call) && call.token!.legacy === true },
  {
    errorNumber: (call) => call.world.options.readOnlyNumber,
    only: writes,
    fails: (call) => call.token!.readOnly,
  },
  { errorNumber: 9646, fails: (call) => needsToken(call) && !withinRate(call) },
  { errorNumber: 9727, only: bodies, fails: (call) => !isJson(call.headers['content-type']) },
  { errorNumber: 9602, only: bodies, fails: (call) => !isWellFormed(call) || !isWellFormedSubscription(call) },
  { errorNumber: 9718, only: assign, fails: (call) => assetsOf(call).length === 0 },
  { errorNumber: 9718, only: subscriptionWrites, fails: (call) => subscriptionIdsOf(call).length === 0 },
  { errorNumber: 9719, only: subscriptionWrites, fails: (call) => usersOf(call).length === 0 },
  { errorNumber: 9719, only: manage, fails: (call) => serialsOf(call).length + usersOf(call).length === 0 },
  { errorNumber: 9720, only: people, fails: (call) => userOrdersOf(call).length === 0 },
  { errorNumber: 9723, only: configure, fails: (call) => mdmInfoOf(call) !== undefined && !isComplete(call) },
  { errorNumber: 9710, only: configure, fails: hasHalfOfNotification },
  { errorNumber: 9700, only: assign, fails: (call) => new Set(assetKeys(call)).size > limits(call).maxAssets },
  { errorNumber: 9701, only: assign, fails: (call) => new Set(usersOf(call)).size > limits(call).maxClientUserIds },
  { errorNumber: 9702, only: assign, fails: (call) => new Set(serialsOf(call)).size > limits(call).maxSerialNumbers },
  { errorNumber: 9701, only: revoke, fails: (call) => usersOf(call).length > limits(call).maxRevokeClientUserIds },
  { errorNumber: 9702, only: revoke, fails: (call) => serialsOf(call).length > limits(call).maxRevokeSerialNumbers },
  { errorNumber: 9714, only: people, fails: (call) => userOrdersOf(call).length > limits(call).maxUsers },
  { errorNumber: 9711, only: configure, fails: hasLongNotification },
  {
    errorNumber: 9713,
    only: configure,
    fails: (call) => tooLong(mdmInfoOf(call)?.metadata, limits(call).maxMdmMetadataLength),
  },
  { errorNumber: 9724, only: configure, fails: (call) => tooLong(mdmInfoOf(call)?.id, limits(call).maxMdmIdLength) },
  {
    errorNumber: 9725,
    only: configure,
    fails: (call) => tooLong(mdmInfoOf(call)?.name, limits(call).maxMdmNameLength),
  },
  {
    errorNumber: (call) => call.world.options.subscriptionTooManyNumber,
    only: subscriptionWrites,
    fails: namesTooManySubscriptions,
  },
  { errorNumber: 9703, only: subscriptionWrites, fails: (call) => hasTwice(subscriptionIdsOf(call)) },
  { errorNumber: 9704, only: subscriptionWrites, fails: (call) => hasTwice(usersOf(call)) },
  { errorNumber: 9703, only: assign, fails: (call) => hasTwice(assetKeys(call)) },
  { errorNumber: 9704, only: manage, fails: (call) => hasTwice(usersOf(call)) },
  { errorNumber: 9705, only: manage, fails: (call) => hasTwice(serialsOf(call)) },
  {
    errorNumber: 9715,
    only: people,
    fails: (call) => hasTwice(userOrdersOf(call).map((user) => user.clientUserId)),
  },
  { errorNumber: 9717, only: ['createUsers', 'updateUsers'], fails: hasBadEmail },
  {
    errorNumber: (call) => call.world.options.unknownUserNumber,
    only: ['updateUsers', 'retireUsers'],
    fails: (call) => call.world.options.unknownUserTiming === 'sync' && namesUnknownUser(call),
  },
  { errorNumber: 9712, only: configure, fails: hasBadUrl },
  {
    errorNumber: 9706,
    only: ['disassociateAssets'],
    fails: (call) => ownedAssets(call).some((asset) => !asset.revocable),
  },
  {
    errorNumber: 9707,
    only: ['associateAssets'],
    fails: (call) => serialsOf(call).length > 0 && ownedAssets(call).some((asset) => !asset.deviceAssignable),
  },
  { errorNumber: 9813, only: subscriptionWrites, fails: namesUnknownSubscription },
  { errorNumber: 9811, only: ['associateSubscriptions'], fails: namesSleepingSubscription },
  { errorNumber: 9814, only: ['associateSubscriptions', 'addSubscriptionAdmins'], fails: namesUnlinkedUser },
  { errorNumber: 9815, only: ['disassociateSubscriptions'], fails: namesMissingSeat },
  { errorNumber: 9817, only: ['disassociateSubscriptions'], fails: namesSeatOfGroup },
  { errorNumber: 9818, only: ['disableSubscriptions'], fails: hasSubscriptions },
  { errorNumber: 9708, only: ['eventStatus'], fails: (call) => !knowsEvent(call) },
  { errorNumber: 9602, only: paged, fails: hasBadFilter },
  { errorNumber: 9812, only: subscriptionLists, fails: hasBadCursor },
  { errorNumber: 9721, only: ['getAssignments', 'getUsers'], fails: (call) => readVersion(call) === 'bad' },
  { errorNumber: 9650, only: paged, fails: (call) => readPageIndex(call) === undefined },
];

/** The first error number that applies, or undefined when the request may go on. */
export function validate(call: Call): number | undefined {
  const hit = checks.find((check) => (!check.only || check.only.includes(call.operation)) && check.fails(call));
  return typeof hit?.errorNumber === 'function' ? hit.errorNumber(call) : hit?.errorNumber;
}

/** The bearer in a header, or undefined when it is not of that form. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/.exec(authorization ?? '')?.[1];
}

/** Operations without a content token as bearer. */
const open: readonly Operation[] = ['serviceConfig', 'contentMetadataLookup', 'publicLookup', 'readCatalog'];

function needsToken(call: Call): boolean {
  return !open.includes(call.operation);
}

function withinRate({ world, unit, now }: Call): boolean {
  const { enforceRate, rateBurst, limits: published } = world.options;
  return !enforceRate || world.rate.admit(unit!.uId, now, published.maxRequestPerSecond + rateBurst);
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json\s*(;|$)/i.test(contentType ?? '');
}

function limits(call: Call) {
  return call.world.options.limits;
}

function assetKeys(call: Call): string[] {
  return assetsOf(call).map((asset) => `${asset.adamId}:${asset.pricingParam}`);
}

function ownedAssets(call: Call) {
  return assetsOf(call).flatMap((asset) => call.unit?.asset(asset.adamId, asset.pricingParam) ?? []);
}

function hasTwice(values: readonly string[]): boolean {
  return new Set(values).size < values.length;
}

function tooLong(value: unknown, limit: number): boolean {
  return String(value ?? '').length > limit;
}

function isComplete(call: Call): boolean {
  const info = mdmInfoOf(call) ?? {};
  return [info.id, info.name, info.metadata].every((value) => typeof value === 'string' && value !== '');
}

function hasHalfOfNotification(call: Call): boolean {
  return !textOf(call, 'notificationUrl') !== !textOf(call, 'notificationAuthToken');
}

function hasLongNotification(call: Call): boolean {
  const limit = limits(call).maxNotificationLength;
  return ['notificationUrl', 'notificationAuthToken'].some((field) => tooLong(fieldsOf(call)[field], limit));
}

function hasBadUrl(call: Call): boolean {
  const text = textOf(call, 'notificationUrl');
  if (!text) return false;
  if (!URL.canParse(text)) return true;
  const { protocol, search, hash } = new URL(text);
  const schemes = call.world.options.allowHttpNotificationUrl ? ['https:', 'http:'] : ['https:'];
  return !schemes.includes(protocol) || search !== '' || hash !== '';
}

function hasBadEmail(call: Call): boolean {
  return userOrdersOf(call).some(({ email }) => email !== undefined && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email));
}

function namesUnknownUser(call: Call): boolean {
  return userOrdersOf(call).some(({ clientUserId }) => !call.unit?.users.active(clientUserId));
}

function knowsEvent({ world, query, unit }: Call): boolean {
  return world.engine.get(query.get('eventId') ?? '')?.uId === unit?.uId;
}

const booleanFilters = [
  'revocable',
  'deviceAssignable',
  'unlimited',
  'activeOnly',
  'retiredOnly',
  'includeUserState',
  'excludeInactiveUsers',
];
const numberFilters = ['minAvailableCount', 'maxAvailableCount', 'minAssignedCount', 'maxAssignedCount'];

function hasBadFilter({ query }: Call): boolean {
  const wrong = (names: readonly string[], pattern: RegExp) =>
    names.some((name) => query.has(name) && !pattern.test(query.get(name)!));
  return (
    wrong(booleanFilters, /^(true|false)$/) ||
    wrong(numberFilters, /^\d{1,10}$/) ||
    wrong(['productType'], /^(App|Book)$/) ||
    wrong(['pricingParam'], /^(STDQ|PLUS)$/)
  );
}
