import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';

/** The job that looks after an organization's operations. */
export const operationsJob = (organizationId: bigint) => ({
  name: 'drive-operations' as const,
  payload: { organizationId: String(organizationId) },
  key: `operations:${organizationId}`,
});

/** Asks a worker to look after the organization's operations, now or at `at`. */
export async function wakeDriver(tx: Tx, organizationId: bigint, at?: Date): Promise<void> {
  await enqueue(tx, { ...operationsJob(organizationId), ...(at ? { runAt: at } : {}) });
}
