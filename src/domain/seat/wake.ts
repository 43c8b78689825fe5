import { enqueue } from '../../db/enqueue.ts';
import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/**
 * Has the seats of a library read again at `at`, at the latest. The one hook for whoever hears that something moved: a
 * notification of a count or of seats, an assignment that ended, the end of a period. Nothing where they are not managed.
 */
export async function readSeatsBy(tx: Tx, token: TokenKey, at: Date): Promise<void> {
  const { organizationId, tokenId } = token;
  const rows = await tx.$executeRaw(sql`
    UPDATE seat_library SET due_at = least(due_at, ${moment(at)})
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND enabled_at IS NOT NULL`);
  if (rows > 0) await wakeSeatReading(tx, token, at);
}

/** Locks where the reading of a library's seats stands: before its subscriptions, as the reading itself does. */
export async function lockSeatLibrary(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM seat_library WHERE organization_id = ${organizationId} AND token_id = ${tokenId} FOR NO KEY UPDATE`);
}

/** Asks a worker to read the seats at `at`. */
export async function wakeSeatReading(tx: Tx, { organizationId, tokenId }: TokenKey, at: Date): Promise<void> {
  await enqueue(tx, {
    name: 'refresh-seats',
    payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
    key: `seats:${organizationId}:${tokenId}`,
    runAt: at,
  });
}
