import { ids, sql, type Tx } from '../../db/transaction.ts';

/**
 * Locks the gates of tokens in the order of their ids, before any task or pool. Whoever holds a gate knows that the
 * token's writer settles nothing meanwhile: so a revoke can mark what is under way without being overlooked.
 */
export async function lockGates(tx: Tx, organizationId: bigint, tokenIds: readonly bigint[]): Promise<void> {
  if (tokenIds.length === 0) return;
  await tx.$queryRaw(sql`
    SELECT 1 FROM token_gate WHERE organization_id = ${organizationId} AND token_id = ANY (${ids([...new Set(tokenIds)])})
    ORDER BY token_id FOR NO KEY UPDATE`);
}
