import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { itemKey } from '../license/call.ts';
import { lockGates } from '../license/lock-gates.ts';
import { transition } from '../license/transition.ts';
import { normalized, readLive } from '../notification/told-items.ts';
import type { AssignmentRow } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { bringIn } from './merge-assignments.ts';
import { refreshAsset } from './refresh-asset.ts';

/** Assignments that were looked up one by one. */
export interface LookedUp {
  items: readonly AssignmentRow[];
  /** Keys of those that Apple has. */
  present: ReadonlySet<string>;
  /** When the lookup began. */
  readAt: Date;
}

/**
 * Brings looked up assignments in: what Apple has and nobody here knew is EXTERNAL, what it does not have is gone. What
 * is under way, or changed since, is left alone. `mark` runs in the same transaction, under the lock of the token's gate.
 */
export async function mergeNamed(
  context: Context,
  token: TokenKey,
  { items, present, readAt }: LookedUp,
  mark: (tx: Tx) => Promise<void>,
): Promise<void> {
  const there = items.filter((item) => present.has(itemKey(item)));
  const absent = items.filter((item) => !present.has(itemKey(item))).map(normalized);
  for (const adamId of await unknownAssets(context, token, there)) {
    await refreshAsset(context, token, adamId, context.correlationId);
  }
  await transaction(context, async (tx) => {
    await lockGates(tx, token.organizationId, [token.tokenId]);
    await mark(tx);
    const now = context.clock.now();
    const gone = await readLive(tx, token, absent, sql`l.state = 'CONFIRMED' AND l.changed_at <= ${moment(readAt)}`);
    await bringIn(tx, { ...token, taskId: null, startedAt: readAt, opening: false }, there, now);
    await transition(tx, 'GONE', {
      organizationId: token.organizationId,
      where: sql`l.id = ANY (${ids(gone.map((license) => license.id))}) AND l.changed_at <= ${moment(readAt)}`,
      now,
      actor: context.actor,
      reason: 'NOT_LISTED_BY_APPLE',
    });
  });
}

async function unknownAssets(context: Context, token: TokenKey, items: readonly AssignmentRow[]): Promise<string[]> {
  const adamIds = [...new Set(items.map((item) => item.adamId))];
  const known = await context.prisma.licensePool.findMany({
    where: { ...token, adamId: { in: adamIds } },
    select: { adamId: true },
  });
  const ours = new Set(known.map((pool) => pool.adamId));
  return adamIds.filter((adamId) => !ours.has(adamId));
}
