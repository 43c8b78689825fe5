/** Reads all seat subscriptions of a library and who holds their seats. Apple has no deltas here: it is always all of it. @module */
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { AppleFailure, type CursorPage, type CursorQuery } from '../ports.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { judgeMissingSeats, mergeSeats, type SeatSweep } from './merge-seats.ts';
import { mergeSeatSubscriptions, retireSeatSubscriptions } from './merge-subscriptions.ts';
import { nextReading } from './next-reading.ts';
import { wakeSeatReading } from './wake.ts';

/** A reading begins anew this often when Apple loses its place (9812). */
const maxStarts = 3;

/** A newer reading goes on elsewhere, or seats are not managed any more: nothing is lost by stopping. */
class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

/**
 * Reads everything, page by page: a page is merged before the next one is asked for. False where seats are not managed,
 * or a newer reading took over. Throws what stands in the way.
 */
export async function readSeatLibrary(context: Context, token: TokenKey, use: 'READ' | 'SYNC'): Promise<boolean> {
  for (let start = 1; ; start++) {
    try {
      return await readOnce(context, token, use);
    } catch (error) {
      if (error instanceof Overtaken) return false;
      const lost = error instanceof AppleFailure && error.kind === 'SWEEP_LOST';
      if (!lost || start === maxStarts) throw error;
    }
  }
}

async function readOnce(context: Context, token: TokenKey, use: 'READ' | 'SYNC'): Promise<boolean> {
  const sweep = await beginSweep(context, token);
  if (!sweep) return false;
  const versions = new Set<string | null>();
  const subscriptions = pagesOf((query) => read(() => context.apple.readSeatSubscriptions, query));
  for await (const { rows, versionId, readAt } of subscriptions) {
    versions.add(versionId);
    await under(context, sweep, (tx) => mergeSeatSubscriptions(tx, token, rows, readAt));
  }
  const seats = pagesOf((query) => read(() => context.apple.readSeats, query));
  for await (const { rows, versionId } of seats) {
    versions.add(versionId);
    await under(context, sweep, (tx) => mergeSeats(context, tx, sweep, rows));
  }
  await endSweep(context, sweep, versions.has(null) || versions.size > 1);
  return true;

  async function read<Row>(
    method: () => (credential: string, query: CursorQuery) => Promise<CursorPage<Row>>,
    query: CursorQuery,
  ): Promise<CursorPage<Row> & { readAt: Date }> {
    let readAt = context.clock.now();
    const page = await callApple(context, token, use, (credential) => {
      readAt = context.clock.now();
      return method()(credential, query);
    });
    return { ...page, readAt };
  }
}

/** One page after the other; the last one may be empty. Two empty ones in a row lead nowhere. */
async function* pagesOf<Page extends CursorPage<unknown>>(read: (query: CursorQuery) => Promise<Page>) {
  let cursor: string | undefined;
  let empty = false;
  for (;;) {
    const page: Page = await read({ cursor });
    yield page;
    if (page.nextCursor === null) return;
    if (page.rows.length === 0 && empty)
      throw new AppleFailure('SWEEP_LOST', 'Apple names page after page without rows');
    empty = page.rows.length === 0;
    cursor = page.nextCursor;
  }
}

function beginSweep(context: Context, token: TokenKey): Promise<SeatSweep | null> {
  const startedAt = context.clock.now();
  return transaction(context, async (tx) => {
    const [row] = await tx.$queryRaw<{ sweep: bigint; opening: boolean }[]>(sql`
      UPDATE seat_library SET sweep = sweep + 1 WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
        AND enabled_at IS NOT NULL RETURNING sweep, read_at IS NULL AS opening`);
    if (!row) return null;
    await forget(tx, token);
    return { organizationId: token.organizationId, tokenId: token.tokenId, startedAt, ...row };
  });
}

/** One transaction of the reading, unless a newer one has begun. */
function under(context: Context, sweep: SeatSweep, work: (tx: Tx) => Promise<void>): Promise<void> {
  return transaction(context, async (tx) => {
    const mine = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM seat_library WHERE organization_id = ${sweep.organizationId} AND token_id = ${sweep.tokenId} AND sweep = ${sweep.sweep}
        AND enabled_at IS NOT NULL FOR NO KEY UPDATE`);
    if (mine.length === 0) throw new Overtaken();
    await work(tx);
  });
}

function endSweep(context: Context, sweep: SeatSweep, moved: boolean): Promise<void> {
  return under(context, sweep, async (tx) => {
    const now = context.clock.now();
    if (!moved) await retireSeatSubscriptions(tx, sweep, sweep.startedAt, now);
    await judgeMissingSeats(context, tx, sweep, moved);
    await forget(tx, sweep);
    const dueAt = await nextReading(tx, sweep, now);
    await tx.$executeRaw(sql`
      UPDATE seat_library SET read_at = ${moment(now)}, attempts = 0,
        due_at = least(CASE WHEN due_at > ${moment(sweep.startedAt)} THEN due_at END, ${moment(dueAt)})
      WHERE organization_id = ${sweep.organizationId} AND token_id = ${sweep.tokenId}`);
    if (dueAt) await wakeSeatReading(tx, sweep, dueAt);
  });
}

async function forget(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`DELETE FROM seat_seen WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
}
