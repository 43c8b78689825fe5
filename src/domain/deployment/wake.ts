import { enqueue, type Job } from '../../db/enqueue.ts';
import { moment, sql, type Tx } from '../../db/transaction.ts';

/** The job that compares an organization's deployments with what is. */
export const comparison = (organizationId: bigint): Job => ({
  name: 'compare-deployments',
  payload: { organizationId: String(organizationId) },
  key: `deploy:${organizationId}`,
});

/** Asks for a comparison now. */
export async function wakeDeployments(tx: Tx, organizationId: bigint, now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO deployment_pass (organization_id, due_at) VALUES (${organizationId}, ${moment(now)})
    ON CONFLICT (organization_id) DO UPDATE SET due_at = least(deployment_pass.due_at, excluded.due_at)`);
  await enqueue(tx, comparison(organizationId));
}
