/** One reader for all subscribers of a kind in one organization: however many there are, a ring costs one read. @module */
import { backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Watcher } from './doorbell.ts';

/** The subscribers of one organization. */
export interface Hub<Subscriber> {
  /** Adds a subscriber; a round follows that takes it into account. */
  join(subscriber: Subscriber): void;
  leave(subscriber: Subscriber): void;
}

/** Options of {@link createHub}. */
export interface HubOptions<Subscriber> {
  watcher: Watcher;
  /** Reads once and tells the subscribers. Called after rings and joins, never twice at a time. */
  round(subscribers: ReadonlySet<Subscriber>): Promise<void>;
  /** Called when the last subscriber has left. */
  onEmpty(): void;
  /** Least milliseconds from the start of one round to that of the next. */
  pace: number;
  clock: Clock;
  logger: Logger;
}

/** Waits after failed rounds, in milliseconds. */
const retry = { base: 100, factor: 2, cap: 5_000 };

/** Starts a hub without subscribers. */
export function createHub<Subscriber>(options: HubOptions<Subscriber>): Hub<Subscriber> {
  const { watcher, clock } = options;
  const subscribers = new Set<Subscriber>();
  const ending = new AbortController();
  let failures = 0;

  async function run(): Promise<void> {
    let earliest = 0;
    while (await watcher.next(ending.signal)) {
      await pause(earliest - clock.now().getTime());
      if (ending.signal.aborted) return;
      earliest = clock.now().getTime() + options.pace;
      watcher.clear();
      await tryRound();
    }
  }

  async function tryRound(): Promise<void> {
    try {
      await options.round(subscribers);
      failures = 0;
    } catch (error) {
      failures += 1;
      options.logger.warn({ error, failures }, 'news for subscribers could not be read; trying again');
      await pause(backoff(failures, retry));
      watcher.ring();
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await clock.sleep(milliseconds, ending.signal).catch(() => {});
  }

  void run();
  return {
    join: (subscriber) => {
      subscribers.add(subscriber);
      watcher.ring();
    },
    leave: (subscriber) => {
      subscribers.delete(subscriber);
      if (subscribers.size > 0 || ending.signal.aborted) return;
      ending.abort();
      watcher.close();
      options.onEmpty();
    },
  };
}

/** Hubs by organization; each lives as long as it has subscribers. */
export interface Hubs<H> {
  of(organizationId: bigint): H;
  all(): Iterable<H>;
  readonly size: number;
}

/** Makes hubs when they are first asked for. `make` is told how its hub is removed. */
export function createHubs<H>(make: (organizationId: bigint, remove: () => void) => H): Hubs<H> {
  const hubs = new Map<bigint, H>();
  return {
    of: (organizationId) => {
      const known = hubs.get(organizationId);
      if (known) return known;
      const hub = make(organizationId, () => hubs.delete(organizationId));
      hubs.set(organizationId, hub);
      return hub;
    },
    all: () => hubs.values(),
    get size() {
      return hubs.size;
    },
  };
}
