/** News of an organization's tasks: which ones changed, the newest change of each. @module */
import type { Pool } from 'pg';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Doorbell } from './doorbell.ts';
import { createHub, createHubs, type Hub } from './hub.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';
import type { SharedReads } from './shared-reads.ts';
import type { Streams } from './streams.ts';
import { type ChangePage, readChanges, readPosition, type TaskChange } from './task-changes.ts';

/** What {@link createTaskList} works with. */
export interface TaskListParts {
  pool: Pool;
  doorbell: Doorbell;
  reads: SharedReads;
  streams: Streams;
  clock: Clock;
  logger: Logger;
  /** Most tasks that wait for one reader. */
  slots: number;
  /** Most events that one read covers; at most `slots`. */
  pageSize: number;
  /** Least milliseconds between two reads for an organization. */
  pace: number;
}

/** Which tasks matter to a reader; null means all. */
export interface TaskFilter {
  kinds: readonly string[] | null;
  states: readonly string[] | null;
  tokenId: bigint | null;
}

/** Whose tasks to watch. */
export interface TaskListQuery {
  organizationId: bigint;
  filter: TaskFilter;
  signal: AbortSignal;
}

interface Subscriber {
  mailbox: Mailbox<bigint, TaskChange>;
  filter: TaskFilter;
  /** Set while its mailbox could not take everything: it reads on from here by itself before it takes news again. */
  behind: bigint | null;
}

interface TaskHub extends Hub<Subscriber> {
  /** Everything up to here was told; null before the first round. */
  position(): bigint | null;
  /** Stamp of its doorbell. */
  stamp(): number;
}

/** `tasks`, and what tests look at. */
export interface TaskList {
  /** Readers of one change are given the same object. */
  tasks(query: TaskListQuery): AsyncIterable<TaskChange>;
  /** Organizations whose changes are being followed. */
  readonly following: number;
}

/** Makes `tasks`. */
export function createTaskList(parts: TaskListParts): TaskList {
  const { pool, reads, streams, slots, pageSize } = parts;
  const hubs = createHubs((organizationId, remove) => makeHub(organizationId, remove));

  function makeHub(organizationId: bigint, remove: () => void): TaskHub {
    let position: bigint | null = null;
    const round = async (subscribers: ReadonlySet<Subscriber>) => {
      position ??= await readPosition(pool, organizationId);
      for (let more = true; more; ) {
        const page: ChangePage = await readChanges(pool, organizationId, position, pageSize);
        for (const subscriber of subscribers) tell(subscriber, page.changes, position);
        position = page.position;
        more = page.more;
      }
    };
    const watcher = parts.doorbell.watch(`task:${organizationId}`);
    const hub = createHub({ ...parts, watcher, round, onEmpty: remove });
    return { ...hub, position: () => position, stamp: () => watcher.stamp };
  }

  async function* produce(query: TaskListQuery, signal: AbortSignal): AsyncGenerator<TaskChange, void> {
    const hub = hubs.of(query.organizationId);
    const subscriber: Subscriber = { mailbox: createMailbox(slots), filter: query.filter, behind: null };
    hub.join(subscriber);
    try {
      while (!signal.aborted) {
        const change = subscriber.mailbox.take();
        if (change !== undefined) yield change;
        else if (subscriber.behind !== null) await catchUp(query.organizationId, hub, subscriber, subscriber.behind);
        else if (!(await subscriber.mailbox.filled(signal))) return;
      }
    } finally {
      hub.leave(subscriber);
    }
  }

  async function catchUp(organizationId: bigint, hub: TaskHub, subscriber: Subscriber, from: bigint): Promise<void> {
    const limit = Math.min(pageSize, slots);
    const read = () => readChanges(pool, organizationId, from, limit);
    const page = await reads.share(`changes:${organizationId}:${from}`, hub.stamp(), read);
    for (const change of page.changes) sort(subscriber, change);
    // News that came while it was behind went past it, so it must first reach the place where the hub stands.
    const reached = !page.more && page.position >= (hub.position() ?? 0n);
    subscriber.behind = reached ? null : page.position;
  }

  return {
    tasks: (query) => streams.open(query.signal, (ending) => produce(query, ending)),
    get following() {
      return [...hubs.all()].filter((hub) => hub.position() !== null).length;
    },
  };
}

function tell(subscriber: Subscriber, changes: readonly TaskChange[], position: bigint): void {
  for (const change of changes) {
    if (subscriber.behind !== null) return;
    if (!sort(subscriber, change)) subscriber.behind = position;
  }
}

/** A task that no longer matches has nothing to tell either. False when there is no slot for it. */
function sort({ mailbox, filter }: Subscriber, change: TaskChange): boolean {
  if (matches(filter, change)) return mailbox.put(change.taskId, change);
  mailbox.drop(change.taskId);
  return true;
}

function matches(filter: TaskFilter, change: TaskChange): boolean {
  return (
    (filter.kinds?.includes(change.kind) ?? true) &&
    (filter.states?.includes(change.state) ?? true) &&
    (filter.tokenId === null || change.tokenIds.includes(filter.tokenId))
  );
}
