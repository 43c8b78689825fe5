/** Paging by index, as assets, assignments and users have it (fact sheet §11). @module */
import { z } from 'zod';
import { AppleFailure, type Page, type PageQuery } from '../domain/ports.ts';
import { envelopeFields, id, optional, toEnvelope, wholeNumber } from './wire.ts';

/** What every page carries beside its rows. */
export const pageFields = {
  ...envelopeFields,
  currentPageIndex: optional(wholeNumber),
  // Not `optional`: a broken one would look like the last page.
  nextPageIndex: wholeNumber.nullish(),
  size: optional(wholeNumber),
  totalPages: optional(wholeNumber),
  versionId: optional(id),
};

const pageAnswer = z.object(pageFields);

/**
 * A page in our words. `operation` is for messages.
 *
 * @throws AppleFailure SWEEP_LOST when the page is not the one asked for or the next one is not the following one:
 * rows would be missing, and missing rows look like ended licenses.
 */
export function toPage<Row>(
  operation: string,
  query: PageQuery,
  answer: z.output<typeof pageAnswer>,
  rows: Row[],
): Page<Row> {
  const asked = query.pageIndex ?? 0;
  const pageIndex = answer.currentPageIndex ?? asked;
  const nextPageIndex = answer.nextPageIndex ?? null;
  if (pageIndex !== asked || (nextPageIndex !== null && nextPageIndex !== pageIndex + 1)) {
    throw new AppleFailure('SWEEP_LOST', `"${operation}" answered with pages out of order at page ${asked}`);
  }
  if (rows.length === 0 && (answer.size ?? 0) > 0) {
    throw new AppleFailure('UNAVAILABLE', `"${operation}" announced ${answer.size} rows and brought none`);
  }
  return {
    ...toEnvelope(answer),
    rows,
    pageIndex,
    nextPageIndex,
    totalPages: Math.max(answer.totalPages ?? 0, (nextPageIndex ?? pageIndex) + 1),
    versionId: answer.versionId,
  };
}

/** `base` with the query parameters that are given. */
export function withQuery(base: URL, parameters: Record<string, string | number | undefined>): URL {
  const url = new URL(base);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}
