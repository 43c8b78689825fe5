/** Parts of inputs about people. @module */
import { z } from 'zod';
import { email } from '../token/input.ts';

/** Most people in one request. */
export const maxUsers = 10_000;

/** Our own words for a person; Apple never sees them. */
const words = z.string().trim().max(200);

/** Fields that a person may have. */
export const userFields = {
  email: email.nullish(),
  managedAppleId: email.nullish(),
  name: words.nullish(),
  externalId: words.nullish(),
};

/** People by our ids, each once. */
export const userIds = z
  .array(z.bigint())
  .min(1, 'name at least one user')
  .max(maxUsers)
  .transform((list) => [...new Set(list)]);
