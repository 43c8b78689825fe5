/** Readers that ask for the same share one answer, for as long as it is the newest. @module */
import { isConnectionLoss } from '../db/connection-loss.ts';
import { backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';

/** Reads that are shared. */
export interface SharedReads {
  /**
   * The answer of `read`, or that of another reader who asked for `key` under the same `stamp`. The stamp must change
   * with each ring heard: an answer that was asked for before a ring is never given to somebody who asks after it.
   */
  share<T>(key: string, stamp: number, read: () => Promise<T>): Promise<T>;
  /** Number of reads that went to the database. */
  readonly reads: number;
}

/** Options of {@link createSharedReads}. */
export interface SharedReadsOptions {
  /** Most answers kept for readers who come a little later. */
  kept: number;
  clock: Clock;
  /** Ends waiting for a database that is away. */
  signal: AbortSignal;
}

/** How often a read is repeated while the database can't be reached; together about 9 s. */
const attempts = 8;
const retry = { base: 100, factor: 2, cap: 3_000 };

/** Shared reads without any answer yet. */
export function createSharedReads(options: SharedReadsOptions): SharedReads {
  const answers = new Map<string, { stamp: number; answer: Promise<unknown> }>();
  let reads = 0;

  async function persist<T>(read: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      reads += 1;
      try {
        return await read();
      } catch (error) {
        if (!isConnectionLoss(error) || attempt >= attempts) throw error;
        await options.clock.sleep(backoff(attempt, retry), options.signal);
      }
    }
  }

  function keep(key: string, stamp: number, answer: Promise<unknown>): void {
    answers.delete(key);
    answers.set(key, { stamp, answer });
    if (answers.size > options.kept) answers.delete(answers.keys().next().value!);
    answer.catch(() => {
      if (answers.get(key)?.answer === answer) answers.delete(key);
    });
  }

  return {
    share: <T>(key: string, stamp: number, read: () => Promise<T>) => {
      const known = answers.get(key);
      if (known?.stamp === stamp) return known.answer as Promise<T>;
      const answer = persist(read);
      keep(key, stamp, answer);
      return answer;
    },
    get reads() {
      return reads;
    },
  };
}
