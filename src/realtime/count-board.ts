/** What subscribers of counts were last told, and what is new against it. Knows no database. @module */
import type { AppCounts } from '../domain/app/counts.ts';

/** The counts that were read last. */
export interface CountBoard {
  /** Takes over newly read counts and gives back those that differ, also as counts without seats where a row has gone. */
  update(counts: readonly AppCounts[]): AppCounts[];
  /** The counts of one app as last read. */
  get(appId: bigint, tokenId: bigint | null): AppCounts;
  /** Every app that has seats, over all tokens or in one. */
  apps(tokenId: bigint | null): AppCounts[];
}

/** A board with nothing on it. `noSeats` makes the counts of an app that nobody holds. */
export function createCountBoard(noSeats: (appId: bigint, tokenId: bigint | null) => AppCounts): CountBoard {
  let known = new Map<string, AppCounts>();
  return {
    update: (counts) => {
      const next = new Map(counts.map((count) => [keyOf(count.appId, count.tokenId), count]));
      const gone = [...known.values()].filter((count) => !next.has(keyOf(count.appId, count.tokenId)));
      const changed = counts.filter((count) => !isSame(count, known.get(keyOf(count.appId, count.tokenId))));
      known = next;
      return [...changed, ...gone.map((count) => noSeats(count.appId, count.tokenId))];
    },
    get: (appId, tokenId) => known.get(keyOf(appId, tokenId)) ?? noSeats(appId, tokenId),
    apps: (tokenId) => [...known.values()].filter((count) => count.tokenId === tokenId),
  };
}

function keyOf(appId: bigint, tokenId: bigint | null): string {
  return `${appId}:${tokenId ?? ''}`;
}

function isSame(left: AppCounts, right: AppCounts | undefined): boolean {
  if (!right) return false;
  const fields = Object.keys(left) as (keyof AppCounts)[];
  return fields.every((field) => comparable(left[field]) === comparable(right[field]));
}

function comparable(value: AppCounts[keyof AppCounts]): bigint | boolean | number | string | null {
  return value instanceof Date ? value.getTime() : value;
}
