import { type Sql, sql } from '../../db/transaction.ts';
import { most, ofOrganizations } from '../work/source.ts';
import { waitedEnough, waitsUnsaid } from './begin.ts';
import { isIdle } from './idle.ts';
import { operationsJob } from './wake.ts';

/** Organizations that have operations to look at: due ones, late ones, ended ones that are not settled, and tasks at their end, or that show something else than they are at. */
export const dueOperations = (now: Sql) =>
  ofOrganizations(
    sql`
    SELECT DISTINCT o.organization_id FROM app_operation o WHERE o.ended_at IS NULL AND least(o.due_at, o.deadline_at) <= ${now}
    UNION SELECT DISTINCT o.organization_id FROM app_operation o WHERE o.ended_at IS NOT NULL AND NOT o.settled
    UNION SELECT t.organization_id FROM task t WHERE (${isIdle}) OR (${waitsUnsaid}) OR (${waitedEnough})
    ORDER BY 1 ${most}`,
    operationsJob,
  );
