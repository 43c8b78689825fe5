import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { operationsJob } from './wake.ts';

/** Organizations that have operations to look at: due ones, late ones, ended ones that are not settled, and tasks at their end. */
export async function dueOperations(
  services: Pick<Services, 'prisma' | 'clock'>,
): Promise<ReturnType<typeof operationsJob>[]> {
  const now = moment(services.clock.now());
  const rows = await services.prisma.$queryRaw<{ organizationId: bigint }[]>(sql`
    SELECT DISTINCT o.organization_id AS "organizationId" FROM app_operation o WHERE o.ended_at IS NULL AND least(o.due_at, o.deadline_at) <= ${now}
    UNION SELECT DISTINCT o.organization_id FROM app_operation o WHERE o.ended_at IS NOT NULL AND NOT o.settled
    ORDER BY 1 LIMIT 1000`);
  return rows.map((row) => operationsJob(row.organizationId));
}
