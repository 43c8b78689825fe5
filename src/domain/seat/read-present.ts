import type { Context } from '../context.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import type { CarriedSeat } from './carried.ts';

/** Up to this many people are asked for one by one; above it the subscriptions' whole lists are read. */
const askSingly = 20;

/** How Apple has the seats now, by {@link seatKey}: whether they renew; absent where nobody holds them. */
export async function readPresentSeats(
  context: Context,
  token: TokenKey,
  seats: readonly CarriedSeat[],
): Promise<Map<string, boolean>> {
  const wanted = new Set(seats.map(seatKey));
  const people = [...new Set(seats.map((seat) => seat.clientUserId))];
  const adamIds = [...new Set(seats.map((seat) => seat.adamId))];
  const queries =
    people.length > Math.max(askSingly, adamIds.length)
      ? adamIds.map((adamId) => ({ adamId }))
      : people.map((clientUserId) => ({ clientUserId }));
  const present = new Map<string, boolean>();
  for (const query of queries) {
    let cursor: string | null | undefined;
    do {
      const at: string | undefined = cursor ?? undefined;
      const page = await callApple(context, token, 'READ', (credential) =>
        context.apple.readSeats(credential, { ...query, cursor: at }),
      );
      for (const row of page.rows) if (wanted.has(seatKey(row))) present.set(seatKey(row), row.renewing);
      cursor = page.nextCursor;
    } while (cursor);
  }
  return present;
}

/** What identifies a seat at Apple. */
export const seatKey = ({ adamId, clientUserId }: { adamId: string; clientUserId: string }): string =>
  `${adamId}|${clientUserId}`;
