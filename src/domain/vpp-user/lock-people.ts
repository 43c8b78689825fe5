import { type Sql, sql, type Tx } from '../../db/transaction.ts';

/** Locks people in the order of their clientUserIds, before anything changes many of them. `which` selects their ids. */
export async function lockPeople(tx: Tx, organizationId: bigint, which: Sql): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM vpp_user WHERE organization_id = ${organizationId} AND id IN (${which}) ORDER BY client_user_id FOR NO KEY UPDATE`);
}
