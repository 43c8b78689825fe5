/** Subscriptions as lists and notifications show them; ids are whole numbers there. @module */
import type { Subscription, SubscriptionBook, SubscriptionSeat } from './book.ts';

/** A seat as lists and notifications show it. */
export function seatRow({ adamId, clientUserId, renewing }: SubscriptionSeat) {
  return { adamId: Number(adamId), clientUserId, renewing };
}

/** What `SUBSCRIPTION_COUNT` says. */
export function countFields(book: SubscriptionBook, subscription: Subscription): Record<string, unknown> {
  const { adamId, parentAdamId, total } = subscription;
  const counts = { available: book.available(subscription), total: { ...total } };
  return { parentAdamId: Number(parentAdamId), adamId: Number(adamId), counts };
}
