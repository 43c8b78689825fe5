/** Cursor paging: opaque to a client, a place in a list to us. @module */
import { createHash } from 'node:crypto';
import { type Call, unitOf } from '../apple/call.ts';

/** The place that a call continues from: 0 without a cursor, undefined when it is none of this list. */
export function readCursor(call: Call): number | undefined {
  const text = call.query.get('cursor');
  if (text === null) return 0;
  const [mark, place] = Buffer.from(text, 'base64url').toString('utf8').split('.');
  return mark === markOf(call) && /^\d{1,9}$/.test(place ?? '') ? Number(place) : undefined;
}

/** One page of a list with the cursor of the next one. */
export function pageByCursor<Row>(call: Call, rows: readonly Row[]): { page: Row[]; next: { nextCursor?: string } } {
  const { subscriptionPageSize, subscriptionLastCursor } = call.world.options;
  const from = readCursor(call) ?? 0;
  const page = rows.slice(from, from + subscriptionPageSize);
  const end = from + page.length;
  const more = end < rows.length || (subscriptionLastCursor === 'always' && page.length > 0);
  const nextCursor = Buffer.from(`${markOf(call)}.${end}`).toString('base64url');
  return { page, next: more ? { nextCursor } : {} };
}

/** A cursor belongs to one list of one library. */
function markOf(call: Call): string {
  return createHash('sha1')
    .update(`${unitOf(call).uId}:${call.operation}`)
    .digest('hex')
    .slice(0, 12);
}
