/** The lossless stream: every event of one task, read from the table at the reader's pace. @module */
import type { Pool } from 'pg';
import { CursorInvalidError, NotFoundError } from '../domain/errors.ts';
import { readCursor } from '../domain/task/cursor.ts';
import { isOver } from '../domain/task/progress-payload.ts';
import type { Doorbell, Watcher } from './doorbell.ts';
import type { SharedReads } from './shared-reads.ts';
import type { Streams } from './streams.ts';
import { readEvents, readSnapshot, type TaskKey, type TaskProgressEvent } from './task-events.ts';

/** What {@link createTaskProgress} works with. */
export interface TaskProgressParts {
  pool: Pool;
  doorbell: Doorbell;
  reads: SharedReads;
  streams: Streams;
  /** Most events that one read fetches, and so the most that wait for one reader. */
  pageSize: number;
}

/** Which task to watch, and behind which event; null begins with a snapshot. */
export interface TaskProgressQuery extends TaskKey {
  after: string | null;
  signal: AbortSignal;
}

interface Step {
  events: readonly TaskProgressEvent[];
  /** Nothing comes after these. */
  last: boolean;
  /** More can be read at once. */
  more: boolean;
}

/**
 * Makes `taskProgress`.
 *
 * Calling it throws {@link CursorInvalidError} for a cursor that is not of this task; the first read throws it for one
 * that is ahead of the task, and {@link NotFoundError} for a task that the organization does not have.
 */
export function createTaskProgress(
  parts: TaskProgressParts,
): (query: TaskProgressQuery) => AsyncIterable<TaskProgressEvent> {
  const { pool, doorbell, reads, streams, pageSize } = parts;

  async function* produce(
    task: TaskKey,
    after: bigint | null,
    signal: AbortSignal,
  ): AsyncGenerator<TaskProgressEvent, void> {
    const watcher = doorbell.watch(`task:${task.organizationId}:${task.taskId}`);
    try {
      let position = after;
      for (;;) {
        const step: Step = position === null ? await snapshot(task, watcher) : await follow(task, watcher, position);
        for (const event of step.events) {
          yield event;
          position = event.seq;
        }
        if (step.last || !(step.more || (await watcher.next(signal)))) return;
      }
    } finally {
      watcher.close();
    }
  }

  async function snapshot(task: TaskKey, watcher: Watcher, expired = false): Promise<Step> {
    const key = `${task.organizationId}:${task.taskId}`;
    const event = await reads.share(key, watcher.stamp, () => readSnapshot(pool, task));
    if (!event) throw new NotFoundError('task', [String(task.taskId)]);
    return { events: [{ ...event, expired }], last: isOver(event.task.state), more: false };
  }

  async function follow(task: TaskKey, watcher: Watcher, position: bigint): Promise<Step> {
    const key = `${task.organizationId}:${task.taskId}:${position}`;
    const page = await reads.share(key, watcher.stamp, () => readEvents(pool, task, position, pageSize));
    if (!page) throw new NotFoundError('task', [String(task.taskId)]);
    if (page.newest < position) throw new CursorInvalidError('AHEAD');
    const events = unbroken(page.events, position);
    if (events.length === 0 && page.newest > position) return snapshot(task, watcher, true);
    const reached = events.at(-1)?.seq ?? position;
    const more = page.events.length === pageSize || events.length < page.events.length;
    return { events, last: page.over && reached === page.newest, more };
  }

  return ({ organizationId, taskId, after, signal }) => {
    const position = after === null ? null : readCursor(after, taskId);
    return streams.open(signal, (ending) => produce({ organizationId, taskId }, position, ending));
  };
}

/** Those up to the first one that is missing: retention deletes in blocks, and a reader may come between two. */
function unbroken(events: readonly TaskProgressEvent[], position: bigint): readonly TaskProgressEvent[] {
  const gap = events.findIndex((event, index) => event.seq !== position + BigInt(index) + 1n);
  return gap === -1 ? events : events.slice(0, gap);
}
