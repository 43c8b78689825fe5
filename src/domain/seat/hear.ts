import { moment, sql, type Tx, texts } from '../../db/transaction.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import type { TokenKey } from '../token/gate.ts';
import { readSeatsBy } from './wake.ts';

/** Milliseconds for which news are gathered: a purchase or a large write comes in many pieces. */
const gather = 2_000;

/**
 * Apple told something of seats. What it names is not merged: the seats are read, and a write of ours that it is about is
 * asked about at once. Such a notification may come late, twice or never, and nothing hangs on it.
 */
export async function hearOfSeats(tx: Tx, token: TokenKey, eventIds: readonly string[], now: Date): Promise<void> {
  const calls = await tx.$executeRaw(sql`
    UPDATE apple_call SET next_poll_at = least(next_poll_at, ${moment(now)})
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND state = 'ACCEPTED'
      AND kind IN ('ASSIGN_SEATS', 'REMOVE_SEATS') AND event_id = ANY (${texts(eventIds)})`);
  if (calls > 0) await wakeWriter(tx, token);
  await readSeatsBy(tx, token, new Date(now.getTime() + gather));
}
