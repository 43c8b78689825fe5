import { type Sql, sql } from '../../db/transaction.ts';
import { devicesJob } from '../command/wake.ts';
import { most, ofOrganizations } from '../work/source.ts';

/** Organizations whose devices give something to do: news, commands to be sent or given up, questions whose time has come. */
export const dueDevices = (now: Sql) =>
  ofOrganizations(
    sql`
    SELECT m.organization_id FROM mdm_connection m WHERE m.removed_at IS NULL AND (
      EXISTS (SELECT 1 FROM device_news n WHERE n.organization_id = m.organization_id AND n.connection_id = m.id AND n.applied_at IS NULL AND n.due_at <= ${now})
      OR (m.kind = 'NANOMDM' AND (m.blocked_until IS NULL OR m.blocked_until <= ${now}) AND EXISTS (
        SELECT 1 FROM device_command c WHERE c.organization_id = m.organization_id AND c.connection_id = m.id AND c.ended_at IS NULL AND c.due_at <= ${now}))
      OR EXISTS (SELECT 1 FROM enrollment e WHERE e.organization_id = m.organization_id AND e.connection_id = m.id AND e.state = 'ENROLLED'
        AND least(e.information_due_at, e.list_due_at) <= ${now})
      OR EXISTS (SELECT 1 FROM device_command c WHERE c.organization_id = m.organization_id AND c.connection_id = m.id AND c.ended_at IS NULL
        AND least(c.deadline_at, c.forgotten_at, CASE WHEN c.state = 'PLANNED' THEN c.not_after END) <= ${now})
    ) ORDER BY m.organization_id ${most}`,
    devicesJob,
  );
