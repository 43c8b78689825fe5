/** What a client is told when a period ends: seats that were to leave, and the new counts. @module */
import { chunk } from '../../lib/chunk.ts';
import type { Draft } from '../notify/delivery.ts';
import type { PeriodEnd, SubscriptionBook, SubscriptionSeat } from './book.ts';
import { countFields, seatRow } from './shapes.ts';

/** Rows of one notification. */
const rowsMax = 100;

/** The notifications of one end, with the moment they tell of. */
export function tellOfPeriodEnd(uId: string, book: SubscriptionBook, end: PeriodEnd): { draft: Draft; at: number }[] {
  const byEvent = new Map<string, SubscriptionSeat[]>();
  for (const seat of end.taken) byEvent.set(seat.leavesWith!, [...(byEvent.get(seat.leavesWith!) ?? []), seat]);
  const left = [...byEvent].flatMap(([eventId, seats]) =>
    chunk(seats, rowsMax).map((rows): Draft => {
      const fields = { eventId, type: 'DISASSOCIATE', result: 'SUCCESS', assignments: rows.map(seatRow) };
      return { uId, type: 'SUBSCRIPTION_MANAGEMENT', fields };
    }),
  );
  const counts: Draft = { uId, type: 'SUBSCRIPTION_COUNT', fields: countFields(book, end.subscription) };
  return [...left, counts].map((draft) => ({ draft, at: end.at }));
}
