/** Assets of which Apple counts another number of licenses than Russet, or whose lists moved while they were read. @module */
import { type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/** One asset, and how many licenses Apple counts. */
export interface DriftingAsset {
  adamId: string;
  assigned: bigint;
}

/** Assets with a difference that nothing under way explains, and doubted ones, of all pools `p` or some. */
export function driftingAssets(db: Tx, token: TokenKey, some: Sql = sql`true`): Promise<DriftingAsset[]> {
  return db.$queryRaw<DriftingAsset[]>(sql`
    SELECT p.adam_id AS "adamId", sum(p.apple_assigned)::bigint AS assigned
    FROM license_pool p CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE l.state = 'PENDING_AT_APPLE') AS coming, count(*) FILTER (WHERE l.state = 'REVOKE_PENDING') AS going
      FROM license l WHERE l.organization_id = p.organization_id AND l.pool_id = p.id AND l.call_id IS NOT NULL
        AND l.state IN ('PENDING_AT_APPLE', 'REVOKE_PENDING')
    ) w
    WHERE p.organization_id = ${token.organizationId} AND p.token_id = ${token.tokenId} AND ${some}
      AND (p.doubted OR (p.held <> p.apple_assigned AND NOT p.apple_assigned BETWEEN p.held - w.going AND p.held + w.coming))
    GROUP BY p.adam_id ORDER BY p.adam_id`);
}
