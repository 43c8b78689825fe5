/** What a change of a pool's counts leaves behind beside the numbers: where they come from, and what is to be looked into. @module */
import { moment, type Sql, sql } from '../../db/transaction.ts';
import type { CountSource } from '../../generated/prisma/enums.ts';
import type { Actor } from '../actor.ts';

/**
 * Waits before a difference to Apple's count is looked into, one after the other. Counts at Apple lag behind what
 * happened by minutes, so the first looks only read the count again. After the last the nightly reconciliation does it.
 */
export const driftWaits = [30_000, 120_000, 600_000, 3_600_000] as const;

/** When a difference that shows now is looked into first. */
export function firstLook(now: Date): Sql {
  return sql`${moment(new Date(now.getTime() + driftWaits[0]))}`;
}

/** Marks pool `p` as to be looked into when `held` and `assigned`, as they will be, differ; clears the mark when not. */
export function driftMark(held: Sql, assigned: Sql, now: Date): Sql {
  return sql`drift_due_at = CASE WHEN ${held} <> ${assigned} THEN coalesce(p.drift_due_at, ${firstLook(now)}) END,
    drift_step = CASE WHEN ${held} <> ${assigned} AND p.drift_due_at IS NOT NULL THEN p.drift_step ELSE 0 END`;
}

/** Says what moved the counts of pool `p`. */
export function countMark(source: CountSource, now: Date): Sql {
  return sql`counted_at = greatest(p.counted_at, ${moment(now)}),
    count_source = CASE WHEN p.counted_at > ${moment(now)} THEN p.count_source ELSE ${source}::"CountSource" END`;
}

/** What moved counts, by who did it: a notification, what a sync found or missed, or the end of a write of ours. */
export function sourceOf(actor: Actor, kind: string): CountSource {
  if (actor.kind === 'SYSTEM' && actor.name === 'notifications') return 'NOTIFICATION';
  return kind === 'GONE' || kind === 'FOUND' || kind === 'OPENING' ? 'SYNC' : 'SETTLEMENT';
}
