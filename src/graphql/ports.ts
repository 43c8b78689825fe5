/**
 * The live streams that subscriptions need. The processes fill them with what `realtime` built; the schema knows no
 * doorbell and no table of events.
 *
 * Each function returns an AsyncIterable that is pulled: one item is asked for, sent, and only then the next is asked
 * for. A stream ends when its reader returns it or when `signal` aborts, also while it waits for something to happen.
 * @module
 */
import type { AppCounts } from '../domain/app/counts.ts';
import type { TaskProgress } from '../domain/task/progress-payload.ts';
import type { NoticeRow } from '../domain/token/notices.ts';

/** Ends a stream: aborted when the reader goes away, the socket closes or the server stops. */
interface Stoppable {
  signal: AbortSignal;
}

/** One event of one task. */
export interface TaskProgressEvent {
  /** Handed back as `after` to go on behind this event. */
  cursor: string;
  /** Rises by one from event to event; a snapshot carries the newest. */
  seq: bigint;
  at: Date;
  /** True for the first event of a reader that came without `after`, or whose cursor was too old. */
  snapshot: boolean;
  /** True when the reader's cursor was older than what is kept, so that events may have been missed. */
  expired: boolean;
  task: TaskProgress;
}

/** What a watcher of the task list is interested in; null means all. */
export interface TaskFilter {
  kinds: readonly string[] | null;
  states: readonly string[] | null;
  tokenId: bigint | null;
}

/** News of tasks. */
export interface TaskStream {
  /**
   * Every event of one task above the cursor, without gap or duplicate, at the reader's pace; ends after the event of
   * the task's end. Without `after` it begins with a snapshot.
   */
  taskProgress(
    query: { organizationId: bigint; taskId: bigint; after: string | null } & Stoppable,
  ): AsyncIterable<TaskProgressEvent>;
  /** Tasks that changed; only the newest change of a task waits for a slow reader. All readers are given the same object. */
  tasks(query: { organizationId: bigint; filter: TaskFilter } & Stoppable): AsyncIterable<{ taskId: bigint }>;
}

/** News of license counts. */
export interface CountStream {
  /**
   * The counts of each app (of all when `appIds` is null) now, and again whenever they move; the newest of an app wins.
   * With `tokenId` they are those of that token only.
   */
  licenseCounts(
    query: { organizationId: bigint; appIds: readonly bigint[] | null; tokenId: bigint | null } & Stoppable,
  ): AsyncIterable<AppCounts>;
}

/** News of tokens. */
export interface NoticeStream {
  /**
   * Every notice above the place, oldest first, without gap or duplicate, at the reader's pace. Without `after` the first
   * item has no notice: it says where the stream begins.
   */
  tokenNotices(
    query: { organizationId: bigint; tokenId: bigint | null; after: bigint | null } & Stoppable,
  ): AsyncIterable<{ cursor: string; notice: NoticeRow | null }>;
}

/** News of commands to devices. */
export interface CommandStream {
  /** How many can be leased, whenever there are some. */
  deviceCommands(query: { organizationId: bigint } & Stoppable): AsyncIterable<{ waiting: number }>;
}

/** All live streams of the API. */
export interface Streams extends TaskStream, CountStream, NoticeStream, CommandStream {}
