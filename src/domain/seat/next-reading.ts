import { sql, type Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

const hour = 3_600_000;
/** How often it is looked at whether a period that ends today, or should have ended, is over. */
const atPeriodEnd = hour;
/** For how long after its day a period's end is waited for; after that the next sync tells. */
const patience = 48 * hour;

/**
 * When the seats have to be read again of themselves: Apple names the day on which a period ends and not the hour, so on
 * that day it is looked every hour until the period has moved on. Null when no period ends.
 */
export async function nextReading(tx: Tx, { organizationId, tokenId }: TokenKey, now: Date): Promise<Date | null> {
  const rows = await tx.$queryRaw<{ endsOn: Date }[]>(sql`
    SELECT DISTINCT period_ends_on AS "endsOn" FROM seat_subscription WHERE organization_id = ${organizationId} AND token_id = ${tokenId}
      AND status <> 'INACTIVE' AND gone_at IS NULL AND period_ends_on IS NOT NULL`);
  const times = rows.flatMap(({ endsOn }) => {
    const begins = endsOn.getTime();
    if (begins > now.getTime()) return [begins];
    return now.getTime() < begins + 24 * hour + patience ? [now.getTime() + atPeriodEnd] : [];
  });
  return times.length > 0 ? new Date(Math.min(...times)) : null;
}
