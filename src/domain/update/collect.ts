/** What became of what was sent: answers of devices, and ends of operations. @module */
import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { policyDefaults } from './policy.ts';
import { askAgain, retryWaits } from './times.ts';

/** Devices that answered may be sent their update; ones that could not be asked are asked again. */
export async function collectAnswers(context: Context, tx: Tx): Promise<void> {
  const { organizationId } = context.actor;
  const again = moment(new Date(context.clock.now().getTime() + askAgain));
  await tx.$executeRaw(sql`
    UPDATE update_item i SET state = CASE c.state WHEN 'ACKNOWLEDGED' THEN 'ANSWERED' ELSE 'WAITING' END::"UpdateItemState",
      answered_at = CASE c.state WHEN 'ACKNOWLEDGED' THEN c.ended_at END, due_at = CASE c.state WHEN 'ACKNOWLEDGED' THEN i.due_at ELSE ${again} END,
      command_id = NULL
    FROM device_command c WHERE i.organization_id = ${organizationId} AND i.state = 'ASKED'
      AND c.organization_id = i.organization_id AND c.id = i.command_id AND c.ended_at IS NOT NULL`);
}

const wait = (n: number) => sql`interval '1 millisecond' * ${retryWaits[n]!}`;

/**
 * Ends the items whose operations have ended: counts in task and rollout, the list of failures, and what is remembered of
 * the version on the device. Gives how many ended.
 */
export async function collectEnds(context: Context, tx: Tx): Promise<number> {
  const { organizationId } = context.actor;
  const now = moment(context.clock.now());
  const [row] = await tx.$queryRaw<{ count: number }[]>(sql`
    WITH ended AS (
      UPDATE update_item i SET ended_at = ${now}, state = CASE o.state WHEN 'DONE' THEN 'UPDATED' WHEN 'UNCHANGED' THEN 'UNCHANGED' WHEN 'TIMED_OUT' THEN 'TIMED_OUT'
        WHEN 'CANCELLED' THEN CASE WHEN o.cause ->> 'code' = 'WINDOW_CLOSED' THEN 'CARRIED_OVER' ELSE 'CANCELLED' END ELSE 'FAILED' END::"UpdateItemState"
      FROM app_operation o WHERE i.organization_id = ${organizationId} AND i.state = 'SENT'
        AND o.organization_id = i.organization_id AND o.id = i.operation_id AND o.ended_at IS NOT NULL
      RETURNING i.task_id, i.rollout_id, i.ring, i.device_id, i.app_id, i.state::text AS state, o.cause,
        -- What never left for the device, or was lost on the way, is no try.
        (SELECT max(c.sent_at) FROM device_command c WHERE c.organization_id = o.organization_id AND c.operation_id = o.id
          AND i.state NOT IN ('CARRIED_OVER', 'CANCELLED') AND c.state NOT IN ('PLANNED', 'CANCELLED', 'REFUSED', 'LOST')) AS tried_at
    ), outcome AS (
      SELECT e.*, r.target_version, coalesce(p.max_attempts, ${policyDefaults.maxAttempts}) AS most,
        coalesce(t.attempts, 0) + (e.tried_at IS NOT NULL)::int AS attempts
      FROM ended e
      JOIN update_rollout r ON r.organization_id = ${organizationId} AND r.id = e.rollout_id
      LEFT JOIN update_policy p ON p.organization_id = r.organization_id AND p.id = r.policy_id
      LEFT JOIN update_attempt t ON t.organization_id = r.organization_id AND t.device_id = e.device_id AND t.app_id = e.app_id AND t.target_version = r.target_version
    ), remembered AS (
      INSERT INTO update_attempt AS t (organization_id, device_id, app_id, target_version, attempts, outcome, cause, last_at, next_at, stuck_at)
      SELECT ${organizationId}, o.device_id, o.app_id, o.target_version, o.attempts,
        CASE WHEN o.tried_at IS NOT NULL OR o.state = 'UPDATED' THEN o.state END, o.cause, o.tried_at,
        CASE WHEN o.state <> 'UPDATED' THEN ${now} + CASE WHEN o.attempts <= 1 THEN ${wait(0)} WHEN o.attempts = 2 THEN ${wait(1)} ELSE ${wait(2)} END END,
        CASE WHEN o.state <> 'UPDATED' AND o.tried_at IS NOT NULL AND o.attempts >= o.most THEN ${now} END
      FROM outcome o WHERE o.state NOT IN ('CARRIED_OVER', 'CANCELLED') ORDER BY o.device_id, o.app_id
      ON CONFLICT (organization_id, device_id, app_id, target_version) DO UPDATE SET attempts = excluded.attempts, outcome = coalesce(excluded.outcome, t.outcome),
        cause = CASE WHEN excluded.outcome IS NULL THEN t.cause ELSE excluded.cause END, last_at = coalesce(excluded.last_at, t.last_at),
        next_at = excluded.next_at, stuck_at = excluded.stuck_at
    ), counted AS (
      UPDATE update_rollout r SET updated = r.updated + c.updated, unchanged = r.unchanged + c.unchanged, failed = r.failed + c.failed,
        timed_out = r.timed_out + c.timed_out, ring_since = coalesce(r.ring_since, CASE WHEN c.ring = r.ring AND c.tried > 0 THEN ${now} END)
      FROM (SELECT rollout_id, max(ring) AS ring, count(*) FILTER (WHERE state = 'UPDATED')::int AS updated, count(*) FILTER (WHERE state = 'UNCHANGED')::int AS unchanged,
              count(*) FILTER (WHERE state = 'FAILED' AND tried_at IS NOT NULL)::int AS failed, count(*) FILTER (WHERE state = 'TIMED_OUT' AND tried_at IS NOT NULL)::int AS timed_out,
              count(*) FILTER (WHERE tried_at IS NOT NULL OR state = 'UPDATED')::int AS tried FROM ended GROUP BY 1) c
      WHERE r.organization_id = ${organizationId} AND r.id = c.rollout_id
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, app_id, device_id, serial_number, data)
      SELECT ${organizationId}, o.task_id, coalesce(o.cause ->> 'code', 'UPDATE_' || o.state),
        coalesce(o.cause ->> 'message', 'The device accepted the update and kept the version that it had.'), o.app_id, o.device_id, d.serial_number,
        jsonb_build_object('endState', o.state, 'targetVersion', o.target_version)
      FROM outcome o JOIN device d ON d.organization_id = ${organizationId} AND d.id = o.device_id WHERE o.state <> 'UPDATED'
    ), progress AS (
      UPDATE task t SET completed = completed + c.done, failed = failed + c.count - c.done, dirty = true
      FROM (SELECT task_id, count(*) AS count, count(*) FILTER (WHERE state = 'UPDATED') AS done FROM ended GROUP BY 1) c
      WHERE t.organization_id = ${organizationId} AND t.id = c.task_id
    )
    SELECT count(*)::int AS count FROM ended`);
  return row!.count;
}
