/** Messages at which Russet fails by itself: none of them holds up the others. @module */
import { backoff } from '../../lib/backoff.ts';
import { InterruptedError } from '../../lib/interrupted.ts';
import { type ConnectionClaim, underConnectionClaim } from '../command/claim.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { ClaimLostError } from '../task/claim.ts';
import { type DueNews, markApplied, putOff } from './read-due.ts';

/** Tries of a message before it is set aside. */
export const maxTries = 5;
/** Waits between them. Milliseconds. */
const waits = { base: 5_000, factor: 6, cap: 600_000 };

/** Applies them together; when that fails in halves, down to the one that it is: that comes back later, or is set aside. */
export async function applySingly(
  context: Context,
  claim: ConnectionClaim,
  due: readonly DueNews[],
  apply: (rows: readonly DueNews[]) => Promise<void>,
): Promise<void> {
  try {
    await apply(due);
  } catch (error) {
    if (error instanceof InterruptedError || error instanceof ClaimLostError) throw error;
    if (due.length === 1) return keepBack(context, claim, due[0]!, error);
    const middle = Math.ceil(due.length / 2);
    await applySingly(context, claim, due.slice(0, middle), apply);
    await applySingly(context, claim, due.slice(middle), apply);
  }
}

/** While the database itself is away this throws too, and no try is counted. */
async function keepBack(context: Context, claim: ConnectionClaim, row: DueNews, error: unknown): Promise<void> {
  const attempts = row.attempts + 1;
  const givenUp = attempts >= maxTries;
  const fields = {
    connectionId: String(claim.connectionId),
    newsId: String(row.id),
    kind: row.news.kind,
    attempts,
    error,
  };
  context.logger.error(
    fields,
    givenUp ? 'news of a device were set aside' : 'news of a device could not be applied yet',
  );
  const now = context.clock.now();
  await underConnectionClaim(context, claim, async (tx) => {
    if (givenUp) return markApplied(tx, claim.organizationId, [row], 'SET_ASIDE', now);
    const at = new Date(now.getTime() + backoff(attempts, waits));
    await putOff(tx, claim.organizationId, [row], at);
    await wakeDevices(tx, claim.organizationId, at);
  });
}
