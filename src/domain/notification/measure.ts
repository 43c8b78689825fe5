/** What an operator watches of Apple's notifications, over all organizations. @module */
import { sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';

/** Notifications that are not as they should be. */
export interface MeasuredNotifications {
  /** How many were ever set aside, of tokens of which some were. */
  setAside: (TokenKey & { count: number })[];
  /** Stored and not applied yet. */
  waiting: bigint;
}

/** Counts them where they are kept: the same numbers in every process. */
export async function measureNotifications({ prisma }: Pick<Services, 'prisma'>): Promise<MeasuredNotifications> {
  const setAside = await prisma.$queryRaw<MeasuredNotifications['setAside']>(sql`
    SELECT organization_id AS "organizationId", token_id AS "tokenId", set_aside AS count FROM token_webhook
    WHERE set_aside > 0 ORDER BY organization_id, token_id`);
  const [open] = await prisma.$queryRaw<{ count: bigint }[]>(sql`
    SELECT count(*) AS count FROM notification WHERE applied_at IS NULL`);
  return { setAside, waiting: open!.count };
}
