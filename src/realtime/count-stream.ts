/** License counts: now, and again whenever they move; the newest of an app wins. @module */
import type { Rows } from '../db/rows.ts';
import { type AppCounts, countAppsByToken, noSeats } from '../domain/app/counts.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { createCountBoard } from './count-board.ts';
import type { Doorbell } from './doorbell.ts';
import { createHub, createHubs, type Hub } from './hub.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';
import type { Streams } from './streams.ts';

/** What {@link createCountStream} works with. */
export interface CountStreamParts {
  /** Where the counts are read. */
  reader: Rows;
  doorbell: Doorbell;
  streams: Streams;
  clock: Clock;
  logger: Logger;
  /** Least milliseconds between two reads for an organization. */
  pace: number;
}

/** Whose counts to watch. */
export interface LicenseCountsQuery {
  organizationId: bigint;
  /** Null watches every app that has seats. */
  appIds: readonly bigint[] | null;
  /** Counts the seats of this token only. */
  tokenId: bigint | null;
  signal: AbortSignal;
}

/** `licenseCounts`, and what tests look at. */
export interface CountNews {
  licenseCounts(query: LicenseCountsQuery): AsyncIterable<AppCounts>;
  /** Number of reads of counts. */
  readonly reads: number;
}

interface Subscriber {
  mailbox: Mailbox<bigint, AppCounts>;
  appIds: ReadonlySet<bigint> | null;
  tokenId: bigint | null;
  /** It was never told anything. */
  fresh: boolean;
}

/** Makes `licenseCounts`. */
export function createCountStream(parts: CountStreamParts): CountNews {
  let reads = 0;
  const hubs = createHubs((organizationId, remove) => makeHub(organizationId, remove));

  function makeHub(organizationId: bigint, remove: () => void): Hub<Subscriber> {
    const board = createCountBoard(noSeats);
    const round = async (subscribers: ReadonlySet<Subscriber>) => {
      reads += 1;
      const asked = [...subscribers];
      const changed = board.update(await countAppsByToken(parts.reader, { organizationId, ...union(asked) }));
      for (const subscriber of asked) {
        const news = subscriber.fresh ? present(subscriber) : changed.filter((counts) => concerns(subscriber, counts));
        subscriber.fresh = false;
        for (const counts of news) subscriber.mailbox.put(counts.appId, counts);
      }
    };
    const present = ({ appIds, tokenId }: Subscriber) =>
      appIds ? [...appIds].map((appId) => board.get(appId, tokenId)) : board.apps(tokenId);
    const watcher = parts.doorbell.watch(`counts:${organizationId}`);
    return createHub({ ...parts, watcher, round, onEmpty: remove });
  }

  async function* produce(query: LicenseCountsQuery, signal: AbortSignal): AsyncGenerator<AppCounts, void> {
    const hub = hubs.of(query.organizationId);
    const appIds = query.appIds && new Set(query.appIds);
    const subscriber: Subscriber = { mailbox: createMailbox(), appIds, tokenId: query.tokenId, fresh: true };
    hub.join(subscriber);
    try {
      while (!signal.aborted) {
        const counts = subscriber.mailbox.take();
        if (counts) yield counts;
        else if (!(await subscriber.mailbox.filled(signal))) return;
      }
    } finally {
      hub.leave(subscriber);
    }
  }

  return {
    licenseCounts: (query) => parts.streams.open(query.signal, (ending) => produce(query, ending)),
    get reads() {
      return reads;
    },
  };
}

/** What one statement must read so that all of them can be told. */
function union(subscribers: readonly Subscriber[]): { appIds: bigint[] | null; tokenIds: bigint[] } {
  const tokenIds = new Set(subscribers.flatMap(({ tokenId }) => (tokenId === null ? [] : [tokenId])));
  const appIds = new Set(subscribers.flatMap((subscriber) => [...(subscriber.appIds ?? [])]));
  const all = subscribers.some((subscriber) => subscriber.appIds === null);
  return { appIds: all ? null : [...appIds], tokenIds: [...tokenIds] };
}

function concerns({ appIds, tokenId }: Subscriber, counts: AppCounts): boolean {
  return counts.tokenId === tokenId && (appIds === null || appIds.has(counts.appId));
}
