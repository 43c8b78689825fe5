/** What an organization's settings may be. @module */
import { z } from 'zod';

/** Whether it is a time zone of the IANA list, e.g. `Europe/Zurich`. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets such as +02:00 are accepted by Intl but know no summer time.
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

/** Shape of each setting. */
export const organizationFields = {
  name: z.string().trim().min(1, 'must not be empty').max(200, 'must have at most 200 characters'),
  timeZone: z.string().refine(isTimeZone, 'must be an IANA time zone, e.g. Europe/Zurich'),
  newAppStatus: z.enum(['DEVELOPMENT', 'REVIEW', 'RELEASE']),
};
