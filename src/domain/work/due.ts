/** What there is to do right now, read from our own rows: the truth behind every job. @module */

import type { JobName } from '../../db/enqueue.ts';
import { preparedRows } from '../../db/rows.ts';
import { moment, type Sql, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { comparison } from '../deployment/wake.ts';
import { dueDevices } from '../device-news/due.ts';
import { dueNotifications } from '../notification/due.ts';
import { dueOperations } from '../operation/due.ts';
import { updateJob } from '../update/wake.ts';
import { askFor, type DueRow, type DueSource, type DueWork, most, ofOrganizations, ofTokens } from './source.ts';

export type { DueWork } from './source.ts';

/** Whether a task's licenses may be sent yet. A large ATOMIC request waits until all of it is reserved. */
export const sendable = sql`(t.reserved_all OR t.request ->> 'onError' = 'SKIP_FAILED')`;

/** The jobs of tasks; those of other kinds reserve licenses. */
const jobOf: Partial<Record<string, JobName>> = { SYNC: 'sync-token', REMOVE_TOKEN: 'remove-token' };

/** Apple is to be asked to take the licenses and seats of a person back, or is at it. */
const holdingMoves = sql`(EXISTS (SELECT 1 FROM license l WHERE l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id
  AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING'))
  OR EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = w.organization_id AND l.vpp_user_id = w.user_id
    AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING')))`;

/** Whether a write of a person may be sent: earlier ones first, and nobody is retired whose licenses or seats are under way. */
export const userWriteReady = sql`w.state = 'OPEN' AND w.call_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM vpp_user_write e WHERE e.organization_id = w.organization_id AND e.user_id = w.user_id
                  AND e.state = 'OPEN' AND e.id < w.id)
  AND NOT (w.kind = 'RETIRE_USERS' AND ${holdingMoves})`;

/** Everything due at the clock's time, oldest tokens and tasks first. */
export async function dueWork(services: Pick<Services, 'pool' | 'clock' | 'settings'>): Promise<DueWork[]> {
  const now = moment(services.clock.now());
  const sources = [
    dueReclaims(now),
    dueComparisons(now),
    ...dueNotifications(now, services.settings),
    dueDevices(now),
    dueOperations(now),
    dueTasks(now),
    dueWriters(now),
    dueMetadata(now),
    dueDifferences(now),
    dueGuards(now),
    dueForgetting(now),
    dueUpdates(now),
    dueSeats(now),
    dueQueues(now),
  ];
  const rows = await preparedRows(services.pool).rows<DueRow & { source: number }>(askFor(sources));
  return rows.sort((one, other) => one.source - other.source).map((row) => sources[row.source]!.job(row));
}

function dueTasks(now: Sql): DueSource {
  return {
    rows: sql`SELECT organization_id, id, kind::text FROM task
      WHERE due_at <= ${now} AND state IN ('QUEUED', 'RUNNING', 'WAITING') ORDER BY due_at, id ${most}`,
    job: ({ organizationId, subject, detail }) => ({
      name: jobOf[detail] ?? 'reserve-licenses',
      payload: { organizationId: String(organizationId), taskId: String(subject) },
      key: `task:${organizationId}:${subject}`,
    }),
  };
}

/** Tokens that have something to send or to ask about, unless they are to be quiet. */
function dueWriters(now: Sql): DueSource {
  const rows = sql`
    SELECT g.organization_id, g.token_id FROM token_gate g
    WHERE g.suspended_until <= ${now} OR (g.suspended_until IS NULL AND (
      EXISTS (SELECT 1 FROM license l JOIN task t ON t.organization_id = l.organization_id
                AND t.id = CASE WHEN l.state = 'REQUESTED' THEN l.task_id ELSE l.revoke_task_id END
              WHERE l.organization_id = g.organization_id AND l.token_id = g.token_id
                AND l.state IN ('REQUESTED', 'REVOKE_REQUESTED') AND l.call_id IS NULL AND ${sendable})
      OR EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = g.organization_id AND w.token_id = g.token_id AND ${userWriteReady})
      OR EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = g.organization_id AND l.token_id = g.token_id
              AND l.state IN ('REQUESTED', 'REMOVAL_REQUESTED') AND l.call_id IS NULL)
      OR EXISTS (SELECT 1 FROM apple_call c WHERE c.organization_id = g.organization_id AND c.token_id = g.token_id
              AND c.state IN ('SENT', 'ACCEPTED', 'UNKNOWN') AND (c.next_poll_at IS NULL OR c.next_poll_at <= ${now}))))
    ORDER BY g.token_id ${most}`;
  return ofTokens('write-licenses', 'write', rows);
}

const dueMetadata = (now: Sql) =>
  ofTokens(
    'refresh-metadata',
    'metadata',
    sql`SELECT s.organization_id, s.token_id FROM token_sync s
      JOIN token t ON t.organization_id = s.organization_id AND t.id = s.token_id AND t.removed_at IS NULL
      WHERE coalesce(s.metadata_due_at, s.synced_at) <= ${now} ORDER BY s.token_id ${most}`,
  );

/** Libraries that are to be read whole, and those where a count differs. */
const dueDifferences = (now: Sql) =>
  ofTokens(
    'reconcile-token',
    'reconcile',
    sql`SELECT d.organization_id, d.token_id FROM (
        SELECT organization_id, token_id FROM token_sync WHERE full_due_at <= ${now}
        UNION SELECT organization_id, token_id FROM license_pool WHERE drift_due_at <= ${now}
      ) d JOIN token t ON t.organization_id = d.organization_id AND t.id = d.token_id AND t.removed_at IS NULL
      ORDER BY d.token_id ${most}`,
  );

const dueGuards = (now: Sql) =>
  ofTokens(
    'guard-token',
    'guard',
    sql`SELECT organization_id, id FROM token WHERE removed_at IS NULL AND (notice_at <= ${now} OR probe_at <= ${now})
      ORDER BY least(notice_at, probe_at), id ${most}`,
  );

const dueForgetting = (now: Sql) =>
  ofTokens(
    'forget-licenses',
    'forget',
    sql`SELECT organization_id, id FROM token WHERE forget_at <= ${now} ORDER BY id ${most}`,
  );

const dueSeats = (now: Sql) =>
  ofTokens(
    'refresh-seats',
    'seats',
    sql`SELECT s.organization_id, s.token_id FROM seat_library s
      JOIN token t ON t.organization_id = s.organization_id AND t.id = s.token_id AND t.removed_at IS NULL
      WHERE s.due_at <= ${now} ORDER BY s.due_at ${most}`,
  );

function dueQueues(now: Sql): DueSource {
  return {
    rows: sql`SELECT DISTINCT organization_id, app_id, ''::text FROM license_wake WHERE due_at <= ${now} ORDER BY 1, 2 ${most}`,
    job: ({ organizationId, subject }) => ({
      name: 'serve-waiting',
      payload: { organizationId: String(organizationId), appId: String(subject) },
      key: `wait:${organizationId}:${subject}`,
    }),
  };
}

const dueReclaims = (now: Sql) =>
  ofOrganizations(
    sql`SELECT DISTINCT organization_id FROM reclaim_rule WHERE due_at <= ${now} ORDER BY 1 ${most}`,
    (organizationId) => ({
      name: 'reclaim-licenses',
      payload: { organizationId: String(organizationId) },
      key: `reclaim:${organizationId}`,
    }),
  );

const dueComparisons = (now: Sql) =>
  ofOrganizations(
    sql`SELECT organization_id FROM deployment_pass WHERE due_at <= ${now}
      UNION SELECT organization_id FROM deployment_wake ORDER BY 1 ${most}`,
    comparison,
  );

const dueUpdates = (now: Sql) =>
  ofOrganizations(
    sql`SELECT s.organization_id FROM update_schedule s
      WHERE s.due_at <= ${now} OR EXISTS (SELECT 1 FROM update_wake w WHERE w.organization_id = s.organization_id) ORDER BY 1 ${most}`,
    updateJob,
  );
