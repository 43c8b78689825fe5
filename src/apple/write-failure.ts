/** Apple's errors with what they name (`errorInfo`, fact sheet §14): of a whole call, and of items of an event. @module */
import { z } from 'zod';
import type { WriteFailure } from '../domain/ports.ts';
import { meaningOf } from './errors.ts';
import { id, list, optional, wholeNumber } from './wire.ts';

/** One asset as requests and errors name it. Without a quality it is the standard one (fact sheet §9). */
export const assetName = z
  .object({ adamId: id, pricingParam: optional(z.string()) })
  .transform(({ adamId, pricingParam }) => ({ adamId, pricingParam: pricingParam ?? 'STDQ' }));

const errorInfo = z.object({
  assets: list(assetName),
  // Subscriptions are named by number alone.
  adamIds: list(id),
  clientUserIds: list(id),
  serialNumbers: list(id),
});

/** One error, in our words. */
export const appleError = z
  .object({ errorNumber: optional(wholeNumber), errorMessage: optional(z.string()), errorInfo: optional(errorInfo) })
  .transform(
    ({ errorNumber, errorMessage, ...error }): WriteFailure => ({
      appleErrorNumber: errorNumber ?? 0,
      message: harmless(errorMessage ?? '') || meaningOf(errorNumber ?? 0, 400).text,
      assets: [
        ...(error.errorInfo?.assets ?? []),
        ...(error.errorInfo?.adamIds ?? []).map((adamId) => ({ adamId, pricingParam: 'STDQ' })),
      ],
      serialNumbers: error.errorInfo?.serialNumbers ?? [],
      clientUserIds: error.errorInfo?.clientUserIds ?? [],
      again: meaningOf(errorNumber ?? 0, 400).again,
    }),
  );

/** The error that an answer is, or undefined when it names none. 0 is no error number. */
export function readFailure(body: Record<string, unknown>): WriteFailure | undefined {
  const read = appleError.safeParse(body);
  return read.success && read.data.appleErrorNumber !== 0 ? read.data : undefined;
}

/** Longest text of Apple's that is taken over, in characters. */
const maxMessageLength = 300;

/** Texts of Apple's end up in tasks and logs: they are cut, and whatever could be a piece of a token is left out. */
function harmless(text: string): string {
  return text
    .replace(/[A-Za-z0-9+/=]{24,}/g, '[…]')
    .slice(0, maxMessageLength)
    .trim();
}
