import countries from 'i18n-iso-countries';
import { z } from 'zod';

/** An ISO 3166-1 alpha-2 country code, upper-cased. */
export const region = z
  .string()
  .trim()
  .toUpperCase()
  .refine((code) => code.length === 2 && countries.isValid(code), 'is not an ISO 3166-1 alpha-2 country code, e.g. DE');

/** The address for notices. Apple's token holds none, so it is never called verified. */
export const email = z.string().trim().max(254).pipe(z.email('is not an e-mail address, e.g. it@example.org'));

/** What people call the token. */
export const label = z.string().trim().min(1, 'must not be empty').max(100);

/** Who the licenses come from. */
export const source = z.enum(['OWN', 'PROVIDED']);

/** The authority that provides the licenses. */
export const providedBy = z.string().trim().min(1).max(100);
