/** Reads the bodies of the subscription writes. Ids are whole numbers there. @module */
import type { Call } from '../apple/call.ts';
import { fieldsOf, usersOf } from '../apple/request-body.ts';

/** The subscriptions that a write names. */
export function subscriptionIdsOf(call: Call): string[] {
  const ids = fieldsOf(call).adamIds;
  return Array.isArray(ids) ? ids.map(String) : [];
}

/** Whether every known field that is there has its type. */
export function isWellFormedSubscription(call: Call): boolean {
  const { adamIds, renewing, deferred } = fieldsOf(call);
  const isList = adamIds === undefined || (Array.isArray(adamIds) && adamIds.every((id) => Number.isSafeInteger(id)));
  return isList && [renewing, deferred].every((flag) => flag === undefined || typeof flag === 'boolean');
}

/** Every subscription with every person. */
export function subscriptionPairsOf(call: Call): { adamId: string; clientUserId: string }[] {
  return subscriptionIdsOf(call).flatMap((adamId) => usersOf(call).map((clientUserId) => ({ adamId, clientUserId })));
}

/** A flag, or what holds without it. */
export function flagOf(call: Call, field: 'renewing' | 'deferred', otherwise: boolean): boolean {
  const value = fieldsOf(call)[field];
  return typeof value === 'boolean' ? value : otherwise;
}
