/** What subscribers of a task are told: numbered without a gap, written under the task's row lock. @module */
import { ring } from '../../db/notify.ts';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';

/** At most one event of mere progress in this many milliseconds; changes of state or phase are always told. */
export const progressInterval = 100;

/** A task by its key. */
export interface TaskKey {
  organizationId: bigint;
  taskId: bigint;
}

/** Writes the task's present state as its next event and rings. The last statement of its transaction. */
export async function writeTaskEvent(tx: Tx, task: TaskKey, now: Date): Promise<void> {
  await ring(tx, { organizationId: task.organizationId, kind: 'task', id: task.taskId });
  await tx.$executeRaw(sql`
    WITH moved AS (
      UPDATE task SET seq = seq + 1, dirty = false, last_event_at = ${moment(now)}
      WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} RETURNING *
    ), counter AS (
      INSERT INTO organization_counter AS c (organization_id, seq) SELECT organization_id, 1 FROM moved
      ON CONFLICT (organization_id) DO UPDATE SET seq = c.seq + 1 RETURNING seq
    )
    INSERT INTO task_event (organization_id, task_id, seq, org_seq, at, payload)
    SELECT moved.organization_id, moved.id, moved.seq, counter.seq, ${moment(now)}, jsonb_build_object(
      'state', moved.state, 'phase', moved.phase, 'waitsFor', moved.waits_for, 'waitsUntil', ${iso('waits_until')},
      'requested', moved.requested::text, 'completed', moved.completed::text, 'failed', moved.failed::text, 'reported', moved.reported::text,
      'outcome', moved.outcome, 'cause', moved.cause,
      'startedAt', ${iso('started_at')}, 'finishedAt', ${iso('finished_at')})
    FROM moved, counter`);
}

function iso(column: 'waits_until' | 'started_at' | 'finished_at') {
  const format = sql`'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`;
  if (column === 'waits_until') return sql`to_char(moved.waits_until AT TIME ZONE 'UTC', ${format})`;
  if (column === 'started_at') return sql`to_char(moved.started_at AT TIME ZONE 'UTC', ${format})`;
  return sql`to_char(moved.finished_at AT TIME ZONE 'UTC', ${format})`;
}

/**
 * Tells progress that has not been told yet, unless the last event is younger than {@link progressInterval}.
 * `force` tells it in any case: the trailing event of a burst.
 */
export async function publishProgress(
  services: Services,
  task: TaskKey,
  options: { force?: boolean } = {},
): Promise<void> {
  const now = services.clock.now();
  const newest = new Date(now.getTime() - (options.force ? 0 : progressInterval));
  await transaction(services, async (tx) => {
    const due = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM task WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} AND dirty
        AND (last_event_at IS NULL OR last_event_at <= ${moment(newest)}) FOR UPDATE`);
    if (due.length > 0) await writeTaskEvent(tx, task, now);
  });
}
