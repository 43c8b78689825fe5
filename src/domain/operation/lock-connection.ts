import { sql, type Tx } from '../../db/transaction.ts';

/** Everything else that changes commands of the organization waits until this is done. */
export async function lockConnection(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM mdm_connection WHERE organization_id = ${organizationId} AND removed_at IS NULL FOR NO KEY UPDATE`);
}
