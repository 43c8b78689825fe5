/** Reads of tasks and their events. Plain SQL: every subscriber's every event comes through here. @module */
import type { Pool } from 'pg';
import { writeCursor } from '../domain/task/cursor.ts';
import { isOver, type ProgressPayload, readProgress, type TaskProgress } from '../domain/task/progress-payload.ts';

/** One event of one task, as a subscriber gets it. */
export interface TaskProgressEvent {
  /** The place behind this event. */
  cursor: string;
  seq: bigint;
  at: Date;
  /** The newest state instead of the next event. */
  snapshot: boolean;
  /** The snapshot stands in for events that are no longer kept. */
  expired: boolean;
  task: TaskProgress;
}

/** A task of an organization. */
export interface TaskKey {
  organizationId: bigint;
  taskId: bigint;
}

/** What follows a place in a task's events. */
export interface EventPage {
  events: TaskProgressEvent[];
  /** Number of the newest event there is. */
  newest: bigint;
  /** The task is over: nothing comes after `newest`. */
  over: boolean;
}

interface EventRow {
  newest: string;
  task_state: TaskProgress['state'];
  seq: string | null;
  at: Date;
  payload: ProgressPayload;
}

/** At most `limit` events above `after`, and where the task stands, in one snapshot of the database. Null without such a task. */
export async function readEvents(pool: Pool, task: TaskKey, after: bigint, limit: number): Promise<EventPage | null> {
  const { rows } = await pool.query<EventRow>({
    name: 'russet-task-events',
    text: `SELECT t.seq AS newest, t.state AS task_state, e.seq, e.at, e.payload
      FROM task t LEFT JOIN LATERAL (
        SELECT seq, at, payload FROM task_event
        WHERE organization_id = t.organization_id AND task_id = t.id AND seq > $3 ORDER BY seq LIMIT $4) e ON true
      WHERE t.organization_id = $1 AND t.id = $2 ORDER BY e.seq`,
    values: [task.organizationId, task.taskId, after, limit],
  });
  const [first] = rows;
  if (!first) return null;
  const events = first.seq === null ? [] : rows.map((row) => toEvent(task, row));
  return { events, newest: BigInt(first.newest), over: isOver(first.task_state) };
}

function toEvent(task: TaskKey, row: EventRow): TaskProgressEvent {
  const seq = BigInt(row.seq!);
  const cursor = writeCursor(task.taskId, seq);
  return { cursor, seq, at: row.at, snapshot: false, expired: false, task: readProgress(row.payload) };
}

type SnapshotRow = {
  seq: string;
  at: Date;
  requested: string;
  completed: string;
  failed: string;
  reported: string;
} & Omit<TaskProgress, 'requested' | 'completed' | 'failed' | 'reported'>;

/** The newest state of the task, from its own row: also of one whose events are no longer kept. */
export async function readSnapshot(pool: Pool, task: TaskKey): Promise<TaskProgressEvent | null> {
  const { rows } = await pool.query<SnapshotRow>({
    name: 'russet-task-snapshot',
    text: `SELECT seq, coalesce(last_event_at, created_at) AS at, state, phase, waits_for AS "waitsFor", waits_until AS "waitsUntil",
        requested, completed, failed, reported, outcome, cause, started_at AS "startedAt", finished_at AS "finishedAt"
      FROM task WHERE organization_id = $1 AND id = $2`,
    values: [task.organizationId, task.taskId],
  });
  if (!rows[0]) return null;
  const { seq: text, at, ...row } = rows[0];
  const seq = BigInt(text);
  const counts = {
    requested: BigInt(row.requested),
    completed: BigInt(row.completed),
    failed: BigInt(row.failed),
    reported: BigInt(row.reported),
  };
  return {
    cursor: writeCursor(task.taskId, seq),
    seq,
    at,
    snapshot: true,
    expired: false,
    task: { ...row, ...counts },
  };
}
