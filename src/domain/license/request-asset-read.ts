import { enqueue } from '../../db/enqueue.ts';
import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Most pools that one refusal makes Russet read again. */
const maxPools = 100;

/** A refusal for want of seats makes Russet read the apps' numbers again: somebody may just have bought some. */
export async function requestAssetRead(context: Context, tx: Tx, appIds: readonly bigint[]): Promise<void> {
  const { correlationId } = context;
  const { organizationId } = context.actor;
  const pools = await tx.$queryRaw<{ token_id: bigint; adam_id: string }[]>(sql`
    SELECT DISTINCT p.token_id, p.adam_id FROM license_pool p
    JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id AND t.removed_at IS NULL
    WHERE p.organization_id = ${organizationId} AND p.app_id = ANY (${ids(appIds)}) AND NOT p.unlimited ORDER BY 1, 2 LIMIT ${maxPools}`);
  for (const pool of pools) {
    const token = { organizationId: String(organizationId), tokenId: String(pool.token_id) };
    const payload = { ...token, adamId: pool.adam_id, correlationId };
    await enqueue(tx, {
      name: 'refresh-asset',
      payload,
      key: `asset:${organizationId}:${pool.token_id}:${pool.adam_id}`,
    });
  }
}
