/** Live news for subscribers of one process: one doorbell, the tables behind it. @module */
import type { Database } from '../db/client.ts';
import { listen } from '../db/listen.ts';
import { channel, parseRing } from '../db/notify.ts';
import { preparedRows } from '../db/rows.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { createCommandStream } from './command-stream.ts';
import { type CountNews, createCountStream } from './count-stream.ts';
import { createDoorbell } from './doorbell.ts';
import { createLibraryStamps } from './library-stamps.ts';
import { createSharedReads } from './shared-reads.ts';
import { createStreams } from './streams.ts';
import { createTaskList, type TaskList } from './task-list.ts';
import { createTaskProgress } from './task-progress.ts';
import { createTokenNotices } from './token-notices.ts';

/** Choices of {@link createRealtime}, each with a default. */
export interface RealtimeLimits {
  /** Most events of a task, or token notices, that one read fetches and that wait for one reader; default 100. */
  eventPage: number;
  /** Most tasks that wait for one reader of the task list; default 1,000. */
  taskSlots: number;
  /** Least milliseconds between two reads of an organization's counts or task list; default 100. */
  pace: number;
  /** Most answers kept for readers who ask the same a little later; default 32. */
  sharedAnswers: number;
}

/** Options of {@link createRealtime}. */
export interface RealtimeOptions {
  database: Pick<Database, 'url' | 'pool'>;
  /** Real time also where the domain's is virtual: it only paces. */
  clock: Clock;
  logger: Logger;
  limits?: Partial<RealtimeLimits>;
}

/** Numbers for metrics and tests. */
export interface RealtimeStats {
  /** Open streams. */
  streams: number;
  /** Bells that are armed. */
  watchers: number;
  /** Organizations whose task lists are followed. */
  taskLists: number;
  /** Reads of task events since the start. */
  eventReads: number;
  /** Reads of counts since the start. */
  countReads: number;
  /** How often the listening connection was lost and came back. */
  reconnects: number;
}

/** The streams of one process. */
export interface Realtime {
  tasks: Pick<TaskList, 'tasks'> & { taskProgress: ReturnType<typeof createTaskProgress> };
  counts: Pick<CountNews, 'licenseCounts'>;
  notices: { tokenNotices: ReturnType<typeof createTokenNotices> };
  /** News of revoked keys. */
  keys: { readonly stamp: number; readonly live: boolean };
  commands: { deviceCommands: ReturnType<typeof createCommandStream> };
  /** News of libraries. */
  library: { stamp(organizationId: bigint): string; readonly live: boolean };
  stats(): RealtimeStats;
  /** Whether news arrive: false while the listening connection is lost. */
  listening(): boolean;
  /** Ends every stream and the listening connection. */
  close(): Promise<void>;
}

const defaults: RealtimeLimits = { eventPage: 100, taskSlots: 1_000, pace: 100, sharedAnswers: 32 };

/** Starts listening. The pool stays its owner's: close it after this. */
export async function createRealtime(options: RealtimeOptions): Promise<Realtime> {
  const { database, clock, logger } = options;
  const limits = { ...defaults, ...options.limits };
  const closing = new AbortController();
  const doorbell = createDoorbell();
  const streams = createStreams();
  const reads = createSharedReads({ kept: limits.sharedAnswers, clock, signal: closing.signal });
  const parts = { pool: database.pool, doorbell, reads, streams, clock, logger, pace: limits.pace };
  const taskProgress = createTaskProgress({ ...parts, pageSize: limits.eventPage });
  const list = createTaskList({ ...parts, slots: limits.taskSlots, pageSize: limits.taskSlots });
  const keys = doorbell.watch('keys');
  const library = createLibraryStamps();
  const reader = preparedRows(database.pool);
  const counts = createCountStream({ ...parts, reader });
  const tokenNotices = createTokenNotices({ ...parts, reader, pageSize: limits.eventPage });
  const onNotify = (text: string) => {
    const ring = parseRing(text);
    if (!ring) return;
    library.ring(ring);
    doorbell.ring(ring);
  };
  const onReconnect = () => {
    library.ringAll();
    doorbell.ringAll();
  };
  const listener = await listen({ url: database.url, channel, onNotify, onReconnect, logger, clock });
  return {
    tasks: { taskProgress, tasks: list.tasks },
    counts: { licenseCounts: counts.licenseCounts },
    notices: { tokenNotices },
    commands: { deviceCommands: createCommandStream({ ...parts, reader }) },
    library: {
      stamp: library.stamp,
      get live() {
        return listener.connected;
      },
    },
    stats: () => ({
      streams: streams.size,
      watchers: doorbell.size - 1,
      taskLists: list.following,
      eventReads: reads.reads,
      countReads: counts.reads,
      reconnects: listener.reconnects,
    }),
    listening: () => listener.connected,
    keys: {
      get stamp() {
        return keys.stamp;
      },
      get live() {
        return listener.connected;
      },
    },
    close: async () => {
      closing.abort();
      streams.close();
      await listener.close();
    },
  };
}
