import { moment, nothing, sql, type Tx } from '../../db/transaction.ts';
import { lockPools } from '../license/transition.ts';
import type { TokenKey } from '../token/gate.ts';

/** A comparison with Apple that was carried out. */
export interface Reconciled {
  /** The sync; null when a single asset was looked into. */
  taskId: bigint | null;
  /** The one asset that was compared; all of the token when absent. */
  adamId?: string;
  startedAt: Date;
  /** What was read moved meanwhile: what is doubted stays so. */
  moved: boolean;
  now: Date;
}

/** Keeps with each pool what the comparison had to correct, as the ledger says. To open a library corrects nothing. */
export async function noteReconciled(
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  { taskId, adamId, startedAt, moved, now }: Reconciled,
): Promise<void> {
  const which = sql`p.organization_id = ${organizationId} AND p.token_id = ${tokenId} ${adamId === undefined ? nothing : sql`AND p.adam_id = ${adamId}`}`;
  await lockPools(tx, organizationId, sql`SELECT p.id FROM license_pool p WHERE ${which}`);
  await tx.$executeRaw(sql`
    UPDATE license_pool p SET reconciled_at = ${moment(now)}, corrected = d.corrected, last_drift = d.drift, doubted = ${adamId === undefined ? sql`p.doubted AND ${moved}` : sql`${moved}`}
    FROM license_pool q CROSS JOIN LATERAL (
      SELECT count(*) AS corrected, coalesce(-sum(g.held_delta), 0)::bigint AS drift FROM ledger g
      WHERE g.organization_id = ${organizationId} AND g.pool_id = q.id AND g.at >= ${moment(startedAt)} AND g.kind IN ('FOUND', 'GONE')
        AND g.task_id IS NOT DISTINCT FROM ${taskId}::bigint AND g.actor IN ('system:sync', 'system:reconcile')
    ) d
    WHERE ${which} AND q.organization_id = p.organization_id AND q.id = p.id`);
}
