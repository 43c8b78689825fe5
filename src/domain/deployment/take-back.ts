import { ids, moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { blockSize } from '../license/limits.ts';
import { startRevoke } from '../license/revoke.ts';
import { tokenUsable } from '../token/usable-sql.ts';
import { retryAfter } from './give.ts';
import { inBulk } from './in-bulk.ts';
import { type DeviceRange, isHeld, wantedPairs } from './wanted.ts';

/**
 * Licenses of devices that shall have none: only ones that Russet gave; others are nobody's to end by a rule
 * (decisions §1.20). Columns: id, app_id.
 */
export function unwantedLicenses(context: Context, appIds: readonly bigint[] | null, range: DeviceRange): Sql {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const since = moment(new Date(now.getTime() - retryAfter));
  return sql`
    SELECT l.id, l.app_id FROM (${wantedPairs(organizationId, appIds, range, isHeld(organizationId, range))}) w
    JOIN license l ON l.organization_id = ${organizationId} AND l.app_id = w.app_id AND l.device_id = w.device_id AND l.ended_at IS NULL
    JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id AND p.revocable
    JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id AND ${tokenUsable(now)}
    WHERE w.mode = 'NONE' AND l.source = 'RUSSET' AND l.revoke_task_id IS NULL AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'CONFIRMED')
      AND NOT EXISTS (SELECT 1 FROM ledger k WHERE k.organization_id = l.organization_id AND k.license_id = l.id AND k.kind = 'KEEP' AND k.at > ${since} OFFSET 0)`;
}

/** Takes all of them back, block by block; gives how many. */
export async function takeUnwanted(context: Context, appId: bigint, range: DeviceRange): Promise<number> {
  let sum = 0;
  for (let after: bigint | null = 0n; after !== null; ) {
    const block: Taken = await takeBlock(context, appId, range, after);
    sum += block.taken;
    after = block.last;
  }
  return sum;
}

interface Taken {
  taken: number;
  last: bigint | null;
}

function takeBlock(context: Context, appId: bigint, range: DeviceRange, after: bigint): Promise<Taken> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    const rows = await inBulk<{ id: bigint }>(
      tx,
      sql`
        SELECT u.id FROM (${unwantedLicenses(context, [appId], range)}) u WHERE u.id > ${after} ORDER BY u.id LIMIT ${blockSize}`,
    );
    if (rows.length === 0) return { taken: 0, last: null };
    const licenseIds = rows.map((row) => row.id);
    const taskId = await startRevoke(context, tx, { target: { licenseIds }, onError: 'SKIP_FAILED' });
    const [moved] = await tx.$queryRaw<{ count: number }[]>(sql`
      SELECT count(*)::int AS count FROM license WHERE organization_id = ${organizationId} AND id = ANY (${ids(licenseIds)})
        AND (revoke_task_id = ${taskId} OR ended_at IS NOT NULL)`);
    return { taken: moved!.count, last: rows.length < blockSize ? null : licenseIds.at(-1)! };
  });
}
