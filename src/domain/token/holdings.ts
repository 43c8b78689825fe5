/** What a token's library is known to hold here. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { TokenHoldings } from '../errors.ts';
import type { TokenKey } from './gate.ts';

/** Most reserved licenses that a refusal names. */
const mostNamed = 100;

const held = sql`l.state IN ('CONFIRMED', 'REVOKE_REQUESTED', 'REVOKE_PENDING')`;
const asked = sql`l.state IN ('REQUESTED', 'PENDING_AT_APPLE')`;

function counting(organizationId: bigint, tokenIds: readonly bigint[]): Sql {
  return sql`
    SELECT t.id AS "tokenId", count(l.id) AS total,
      count(*) FILTER (WHERE ${held} AND l.serial_number IS NOT NULL) AS devices,
      count(*) FILTER (WHERE ${held} AND l.serial_number IS NULL) AS users,
      count(*) FILTER (WHERE ${asked}) AS reserved,
      count(*) FILTER (WHERE l.state IN ('REVOKE_REQUESTED', 'REVOKE_PENDING')) AS revoking,
      count(*) FILTER (WHERE ${held} AND NOT p.revocable) AS irrevocable,
      count(*) FILTER (WHERE l.source = 'EXTERNAL') AS external,
      count(DISTINCT l.app_id) AS apps,
      (SELECT count(*) FROM seat_assignment s WHERE s.organization_id = ${organizationId} AND s.token_id = t.id AND s.ended_at IS NULL) AS seats
    FROM unnest(${ids(tokenIds)}) AS t(id)
    LEFT JOIN license l ON l.organization_id = ${organizationId} AND l.token_id = t.id AND l.ended_at IS NULL
    LEFT JOIN license_pool p ON p.organization_id = l.organization_id AND p.id = l.pool_id
    GROUP BY t.id`;
}

type Counted = TokenHoldings & { tokenId: bigint };

/** What each of the tokens holds, in their order. */
export async function readTokenHoldings(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
): Promise<TokenHoldings[]> {
  const found = await reader.rows<Counted>(counting(organizationId, tokenIds));
  const byToken = new Map(found.map((row) => [row.tokenId, row]));
  return tokenIds.map((id) => byToken.get(id)!);
}

/** The same for one token, inside a transaction. */
export async function countHoldings(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<TokenHoldings> {
  const [row] = await tx.$queryRaw<Counted[]>(counting(organizationId, [tokenId]));
  const { tokenId: _, ...holdings } = row!;
  return holdings;
}

/** Licenses that Apple has not confirmed, the oldest first; as many as a refusal names. */
export async function reservedLicenses(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<bigint[]> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT l.id FROM license l WHERE l.organization_id = ${organizationId} AND l.token_id = ${tokenId} AND ${asked}
    ORDER BY l.id LIMIT ${mostNamed}`);
  return rows.map((row) => row.id);
}
