/** Notifications at which Russet fails by itself: none of them holds up the others. @module */
import { sql, transaction } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import { InterruptedError } from '../../lib/interrupted.ts';
import type { Context } from '../context.ts';
import { startSync } from '../sync/start.ts';
import type { TokenKey } from '../token/gate.ts';
import { type DueNotification, markApplied, putOff } from './read-due.ts';
import { wakeApplying } from './store.ts';

/** Tries of a notification before it is set aside. */
export const maxTries = 5;
/** Waits between them. Milliseconds. */
const waits = { base: 5_000, factor: 6, cap: 600_000 };

/** Applies them piece by piece after they could not be applied together: what fails comes back later, or is set aside. */
export async function applySingly(
  context: Context,
  token: TokenKey,
  due: readonly DueNotification[],
  apply: (rows: readonly DueNotification[]) => Promise<void>,
): Promise<void> {
  for (const rows of pieces(due)) {
    try {
      await apply(rows);
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      await keepBack(context, token, rows, error);
    }
  }
}

/** Pieces of one event stay together: one may contradict the other. */
function pieces(due: readonly DueNotification[]): DueNotification[][] {
  const byKey = new Map<string, DueNotification[]>();
  for (const row of due) {
    const key = row.news.kind === 'WRITE' ? `event ${row.news.eventId}` : `row ${row.id}`;
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  return [...byKey.values()];
}

/** While the database itself is away this throws too, and no try is counted. */
async function keepBack(
  context: Context,
  token: TokenKey,
  rows: readonly DueNotification[],
  error: unknown,
): Promise<void> {
  const { organizationId, tokenId } = token;
  const attempts = Math.max(...rows.map((row) => row.attempts)) + 1;
  const givenUp = attempts >= maxTries;
  const fields = { tokenId: String(tokenId), notifications: rows.map((row) => String(row.id)), attempts, error };
  context.logger.error(fields, givenUp ? 'notifications were set aside' : 'notifications could not be applied yet');
  const now = context.clock.now();
  await transaction(context, async (tx) => {
    if (givenUp) {
      await markApplied(tx, organizationId, rows, 'SET_ASIDE', now);
      await tx.$executeRaw(sql`
        UPDATE token_webhook SET set_aside = set_aside + ${rows.length} WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
      await startSync(context, tx, tokenId);
      return;
    }
    const at = new Date(now.getTime() + backoff(attempts, waits));
    await putOff(tx, organizationId, rows, at, true);
    await wakeApplying(tx, token, at);
  });
}
