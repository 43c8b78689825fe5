/** Reads the header Retry-After, which comes in two forms (fact sheet §15). @module */

/** Longest wait that is taken over from Apple, in milliseconds: a day. A typing error there must not stop us for years. */
export const maxRetryAfter = 24 * 60 * 60 * 1000;

/**
 * Milliseconds to wait, between 0 and {@link maxRetryAfter}; undefined without a readable header. `now` is what an
 * HTTP-date is compared with.
 */
export function parseRetryAfter(header: string | null, now: Date): number | undefined {
  const text = header?.trim() ?? '';
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : millisecondsUntil(text, now);
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), maxRetryAfter);
}

function millisecondsUntil(text: string, now: Date): number {
  // Every HTTP-date begins with the name of a day; without this, Date.parse would take almost any text with a number.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return Number.NaN;
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) - now.getTime();
}
