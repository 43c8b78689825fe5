import { json, moment, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { type TaskKey, writeTaskEvent } from './events.ts';

/** Why a task failed: a stable code, a sentence for people, and Apple's number where there is one. */
export interface TaskCause {
  code: string;
  message: string;
  appleErrorNumber: number | null;
}

/** What a task waits for: Apple to answer, its token to be renewed, the installation to be confirmed, or seats to come up. */
export type WaitsFor = 'APPLE' | 'TOKEN_RENEWAL' | 'INSTALLATION' | 'LICENSES';

/** The task works on something. Told only when state or phase change. */
export async function setRunning(tx: Tx, task: TaskKey, phase: string, now: Date): Promise<void> {
  const changed = await tx.$executeRaw(sql`
    UPDATE task SET state = 'RUNNING', phase = ${phase}, waits_for = NULL, waits_until = NULL,
                    started_at = coalesce(started_at, ${moment(now)})
    WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} AND state IN ('QUEUED', 'RUNNING', 'WAITING')
      AND (state <> 'RUNNING' OR phase IS DISTINCT FROM ${phase})`);
  if (changed > 0) await writeTaskEvent(tx, task, now);
}

/** The task can't go on before `until`. */
export async function setWaiting(tx: Tx, task: TaskKey, waitsFor: WaitsFor, until: Date, now: Date): Promise<void> {
  const changed = await tx.$executeRaw(sql`
    UPDATE task SET state = 'WAITING', waits_for = ${waitsFor}, waits_until = ${moment(until)},
                    started_at = coalesce(started_at, ${moment(now)})
    WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} AND state IN ('QUEUED', 'RUNNING', 'WAITING')
      AND (state <> 'WAITING' OR waits_for IS DISTINCT FROM ${waitsFor} OR waits_until IS DISTINCT FROM ${moment(until)})`);
  if (changed > 0) await writeTaskEvent(tx, task, now);
}

/** Moves the counts; the event follows by `publishProgress` or by the next change of state. */
export async function addProgress(
  tx: Tx,
  task: TaskKey,
  done: { completed?: number; failed?: number; requested?: number },
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE task SET completed = completed + ${done.completed ?? 0}, failed = failed + ${done.failed ?? 0},
                    requested = requested + ${done.requested ?? 0}, dirty = true
    WHERE organization_id = ${task.organizationId} AND id = ${task.taskId}`);
}

/** The end of a task. */
export type TaskEnd = { state: 'SUCCEEDED' } | { state: 'CANCELLED' } | { state: 'FAILED'; cause: TaskCause };

/** Ends the task and tells it. `outcome` follows from what was completed and what failed. */
export async function endTask(tx: Tx, task: TaskKey, end: TaskEnd, now: Date): Promise<void> {
  const cause: Sql = end.state === 'FAILED' ? sql`, cause = ${json(end.cause)}` : nothing;
  const changed = await tx.$executeRaw(sql`
    UPDATE task SET state = ${end.state}::"TaskState", waits_for = NULL, waits_until = NULL, due_at = NULL,
      started_at = coalesce(started_at, ${moment(now)}), reported = 0, finished_at = ${moment(now)},
      outcome = CASE WHEN failed = 0 AND (completed > 0 OR requested = 0) AND completed >= requested THEN 'ALL'
                     WHEN completed = 0 THEN 'NONE' ELSE 'SOME' END::"TaskOutcome" ${cause}
    WHERE organization_id = ${task.organizationId} AND id = ${task.taskId} AND state IN ('QUEUED', 'RUNNING', 'WAITING')`);
  if (changed > 0) await writeTaskEvent(tx, task, now);
}
