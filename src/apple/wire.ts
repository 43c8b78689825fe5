/**
 * Apple's JSON and what it means in our words. Tolerant: unknown fields are ignored, null counts as absent, arrays may
 * be missing, numbers and ids may come as text or as number (fact sheet §3).
 * @module
 */
import { z } from 'zod';
import type { Envelope, LibraryDescription } from '../domain/ports.ts';
import { parseAppleDate } from '../domain/token/token-file.ts';

/** An opaque id; always text for us. A number is taken only where it is exact. */
export const id = z.union([z.string().min(1), z.int()]).transform(String);

/** A field that may be absent, null or of a kind that we do not know; all of it reads as null. */
export function optional<Output>(schema: z.ZodType<Output>) {
  return schema
    .nullish()
    .catch(null)
    .transform((value) => value ?? null);
}

/** An array that may be absent or null; an element of the wrong shape is an error. */
export function list<Output>(element: z.ZodType<Output>) {
  return z
    .array(element)
    .nullish()
    .transform((value) => value ?? []);
}

/** A whole number that may come as text. */
export const wholeNumber = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);

const mdmInfo = z.object({ id: z.string(), name: optional(z.string()), metadata: optional(z.string()) });

/** What every signed-in answer carries. */
export const envelopeFields = {
  uId: id,
  tokenExpirationDate: optional(z.string()),
  mdmInfo: optional(mdmInfo),
};

const envelope = z.object(envelopeFields);

/** The envelope in our words. A date that cannot be read counts as absent. */
export function toEnvelope(answer: z.output<typeof envelope>): Envelope {
  const { uId, tokenExpirationDate, mdmInfo: holder } = answer;
  return {
    uId,
    expiresAt: tokenExpirationDate === null ? null : parseAppleDate(tokenExpirationDate),
    holder: holder && { id: holder.id, name: holder.name ?? '', metadata: holder.metadata ?? '' },
  };
}

/** Answer of GET and POST client/config (fact sheet §5). `notificationAuthToken` is read where it is compared only. */
export const clientConfigAnswer = z
  .object({
    ...envelopeFields,
    countryISO2ACode: optional(z.string().regex(/^[A-Za-z]{2}$/)),
    defaultPlatform: optional(z.string()),
    locationName: optional(z.string()),
    websiteURL: optional(z.string()),
  })
  .transform(
    (answer): LibraryDescription => ({
      ...toEnvelope(answer),
      country: answer.countryISO2ACode?.toUpperCase() ?? null,
      accountType: accountTypeOf(answer.defaultPlatform, answer.websiteURL),
      locationName: answer.locationName,
      websiteUrl: answer.websiteURL,
    }),
  );

/** `volumestore` is Apple School Manager; without the field the address of the portal tells. */
function accountTypeOf(platform: string | null, website: string | null): LibraryDescription['accountType'] {
  if (platform === 'volumestore') return 'EDUCATION';
  return platform === null && website?.includes('school.apple.com') ? 'EDUCATION' : 'BUSINESS';
}
