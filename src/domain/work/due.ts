/** What there is to do right now, read from our own rows: the truth behind every job. @module */

import type { JobName } from '../../db/enqueue.ts';
import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { comparison } from '../deployment/wake.ts';
import { dueDevices } from '../device-news/due.ts';
import { dueNotifications } from '../notification/due.ts';
import { dueOperations } from '../operation/due.ts';
import { forgetJob } from '../token/forget.ts';
import { updateJob } from '../update/wake.ts';

/** One piece of due work, as the job that does it. */
export interface DueWork {
  name: JobName;
  payload: Record<string, string>;
  key: string;
}

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

/** Most pieces in one answer. */
const limit = 1_000;

/** Everything due at the clock's time, oldest tokens and tasks first. */
export async function dueWork(services: Pick<Services, 'prisma' | 'clock' | 'settings'>): Promise<DueWork[]> {
  const now = moment(services.clock.now());
  const tasks = await services.prisma.$queryRaw<{ organizationId: bigint; id: bigint; kind: string }[]>(sql`
    SELECT organization_id AS "organizationId", id, kind::text AS kind FROM task
    WHERE due_at <= ${now} AND state IN ('QUEUED', 'RUNNING', 'WAITING') ORDER BY due_at, id LIMIT ${limit}`);
  const tokens = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT g.organization_id AS "organizationId", g.token_id AS "tokenId" FROM token_gate g
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
    ORDER BY g.token_id LIMIT ${limit}`);
  const metadata = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT s.organization_id AS "organizationId", s.token_id AS "tokenId" FROM token_sync s
    JOIN token t ON t.organization_id = s.organization_id AND t.id = s.token_id AND t.removed_at IS NULL
    WHERE coalesce(s.metadata_due_at, s.synced_at) <= ${now} ORDER BY s.token_id LIMIT ${limit}`);
  const guarded = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT organization_id AS "organizationId", id AS "tokenId" FROM token
    WHERE removed_at IS NULL AND (notice_at <= ${now} OR probe_at <= ${now})
    ORDER BY least(notice_at, probe_at), id LIMIT ${limit}`);
  const forgotten = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT organization_id AS "organizationId", id AS "tokenId" FROM token WHERE forget_at <= ${now} ORDER BY id LIMIT ${limit}`);
  const differing = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT d.organization_id AS "organizationId", d.token_id AS "tokenId" FROM (
      SELECT organization_id, token_id FROM token_sync WHERE full_due_at <= ${now}
      UNION SELECT organization_id, token_id FROM license_pool WHERE drift_due_at <= ${now}
    ) d JOIN token t ON t.organization_id = d.organization_id AND t.id = d.token_id AND t.removed_at IS NULL
    ORDER BY d.token_id LIMIT ${limit}`);
  const seats = await services.prisma.$queryRaw<{ organizationId: bigint; tokenId: bigint }[]>(sql`
    SELECT s.organization_id AS "organizationId", s.token_id AS "tokenId" FROM seat_library s
    JOIN token t ON t.organization_id = s.organization_id AND t.id = s.token_id AND t.removed_at IS NULL
    WHERE s.due_at <= ${now} ORDER BY s.due_at LIMIT ${limit}`);
  const queues = await services.prisma.$queryRaw<{ organizationId: bigint; appId: bigint }[]>(sql`
    SELECT DISTINCT organization_id AS "organizationId", app_id AS "appId" FROM license_wake WHERE due_at <= ${now} ORDER BY 1, 2 LIMIT ${limit}`);
  const reclaims = await services.prisma.$queryRaw<{ organizationId: bigint }[]>(sql`
    SELECT DISTINCT organization_id AS "organizationId" FROM reclaim_rule WHERE due_at <= ${now} ORDER BY 1 LIMIT ${limit}`);
  const deployments = await services.prisma.$queryRaw<{ organizationId: bigint }[]>(sql`
    SELECT organization_id AS "organizationId" FROM deployment_pass WHERE due_at <= ${now}
    UNION SELECT organization_id FROM deployment_wake ORDER BY 1 LIMIT ${limit}`);
  const updates = await services.prisma.$queryRaw<{ organizationId: bigint }[]>(sql`
    SELECT s.organization_id AS "organizationId" FROM update_schedule s
    WHERE s.due_at <= ${now} OR EXISTS (SELECT 1 FROM update_wake w WHERE w.organization_id = s.organization_id) ORDER BY 1 LIMIT ${limit}`);
  return [
    ...reclaims.map(({ organizationId }) => ({
      name: 'reclaim-licenses' as const,
      payload: { organizationId: String(organizationId) },
      key: `reclaim:${organizationId}`,
    })),
    ...deployments.map(({ organizationId }) => comparison(organizationId)),
    ...(await dueNotifications(services)),
    ...(await dueDevices(services)),
    ...(await dueOperations(services)),
    ...tasks.map(({ organizationId, id, kind }) => ({
      name: jobOf[kind] ?? ('reserve-licenses' as const),
      payload: { organizationId: String(organizationId), taskId: String(id) },
      key: `task:${organizationId}:${id}`,
    })),
    ...tokens.map(({ organizationId, tokenId }) => ({
      name: 'write-licenses' as const,
      payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
      key: `write:${organizationId}:${tokenId}`,
    })),
    ...metadata.map(({ organizationId, tokenId }) => ({
      name: 'refresh-metadata' as const,
      payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
      key: `metadata:${organizationId}:${tokenId}`,
    })),
    ...differing.map(({ organizationId, tokenId }) => ({
      name: 'reconcile-token' as const,
      payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
      key: `reconcile:${organizationId}:${tokenId}`,
    })),
    ...guarded.map(({ organizationId, tokenId }) => ({
      name: 'guard-token' as const,
      payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
      key: `guard:${organizationId}:${tokenId}`,
    })),
    ...forgotten.map(forgetJob),
    ...updates.map(({ organizationId }) => updateJob(organizationId)),
    ...seats.map(({ organizationId, tokenId }) => ({
      name: 'refresh-seats' as const,
      payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
      key: `seats:${organizationId}:${tokenId}`,
    })),
    ...queues.map(({ organizationId, appId }) => ({
      name: 'serve-waiting' as const,
      payload: { organizationId: String(organizationId), appId: String(appId) },
      key: `wait:${organizationId}:${appId}`,
    })),
  ];
}
