import { sql } from '../../db/transaction.ts';

/**
 * Licenses, or seats of subscriptions, `l` that Apple has not heard of: they can be stopped at once. What was sent before and put back, because a list
 * did not show it, may still be in Apple's hands, so only its next answer ends it.
 */
export const neverSent = sql`l.call_id IS NULL AND l.sends = 0`;
