import { z } from 'zod';
import { maxIds } from '../license/limits.ts';

/** Most seat subscriptions in one request. */
const maxSubscriptions = 100;
/** Most pairs of subscription and person in one request. */
export const maxPairs = 10_000;

/** Ids of seat subscriptions. */
export const subscriptionIds = z.array(z.bigint()).min(1, 'name at least one').max(maxSubscriptions);
/** Ids of people. */
export const vppUserIds = z.array(z.bigint()).min(1, 'name at least one').max(maxIds);
