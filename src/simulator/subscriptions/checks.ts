/** What can be wrong with a subscription call, for the table of checks. @module */
import type { Call, Operation } from '../apple/call.ts';
import { usersOf } from '../apple/request-body.ts';
import { subscriptionIdsOf, subscriptionPairsOf } from './body.ts';
import { readCursor } from './cursor.ts';

/** Writes with subscriptions and people in their body. */
export const subscriptionWrites: readonly Operation[] = [
  'associateSubscriptions',
  'disassociateSubscriptions',
  'addSubscriptionAdmins',
  'removeSubscriptionAdmins',
];
/** Writes without a body. */
export const subscriptionSwitches: readonly Operation[] = ['enableSubscriptions', 'disableSubscriptions'];
/** Lists that come by cursor. */
export const subscriptionLists: readonly Operation[] = [
  'getSubscriptions',
  'getSubscriptionAssignments',
  'getSubscriptionAdmins',
];

export function namesTooManySubscriptions(call: Call): boolean {
  const { maxSubscriptions, maxSubscriptionClientUserIds } = call.world.options.limits;
  return subscriptionIdsOf(call).length > maxSubscriptions || usersOf(call).length > maxSubscriptionClientUserIds;
}

/** Whether what a write names is looked at before it is accepted; admins always are, because they have no event. */
function isLookedAt({ operation, world }: Call): boolean {
  return world.options.subscriptionChecks === 'sync' || operation.endsWith('Admins');
}

export function namesUnknownSubscription(call: Call): boolean {
  if (!isLookedAt(call)) return false;
  return subscriptionIdsOf(call).some((adamId) => !call.unit?.book.subscriptions.has(adamId));
}

export function namesSleepingSubscription(call: Call): boolean {
  if (!isLookedAt(call)) return false;
  return subscriptionIdsOf(call).some((adamId) => call.unit?.book.subscriptions.get(adamId)?.status !== 'ACTIVE');
}

export function namesUnlinkedUser(call: Call): boolean {
  if (!isLookedAt(call)) return false;
  return usersOf(call).some((clientUserId) => call.unit?.users.active(clientUserId)?.status !== 'Associated');
}

export function namesMissingSeat(call: Call): boolean {
  if (!isLookedAt(call)) return false;
  return subscriptionPairsOf(call).some(({ adamId, clientUserId }) => !call.unit?.book.seat(adamId, clientUserId));
}

export function namesSeatOfGroup(call: Call): boolean {
  if (!isLookedAt(call)) return false;
  return subscriptionPairsOf(call).some(
    ({ adamId, clientUserId }) => call.unit?.book.seat(adamId, clientUserId)?.viaGroup,
  );
}

export function hasSubscriptions(call: Call): boolean {
  return [...(call.unit?.book.subscriptions.values() ?? [])].some(({ status }) => status !== 'INACTIVE');
}

export function hasBadCursor(call: Call): boolean {
  return readCursor(call) === undefined;
}
