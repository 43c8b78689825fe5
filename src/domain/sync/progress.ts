import { sql, type Tx } from '../../db/transaction.ts';
import type { TaskClaim } from '../task/claim.ts';

/** Pages read, and how many there are as far as Apple has said. */
export interface Pages {
  done: number;
  total: number;
}

/**
 * Notes how far the sync is. What was done once stays done when pages are read again; a page that was never reached
 * before is progress, and the count of tries begins afresh.
 */
export async function notePages(tx: Tx, claim: TaskClaim, { done, total }: Pages): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE task SET attempts = CASE WHEN completed < ${done} THEN 0 ELSE attempts END,
      completed = greatest(completed, ${done}::bigint), requested = greatest(completed, ${done}::bigint, ${total}::bigint), dirty = true
    WHERE organization_id = ${claim.organizationId} AND id = ${claim.taskId}`);
}
