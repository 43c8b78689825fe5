/** Streams that end when they are told to, also in the middle of waiting. @module */

import { setMaxListeners } from 'node:events';

/** The streams of one process. */
export interface Streams {
  /**
   * A stream of what `produce` yields. It ends when its reader returns it, when `signal` aborts or when all streams are
   * closed: then `produce`'s own signal aborts, and its `finally` runs whether or not the reader ever comes back.
   */
  open<T>(signal: AbortSignal, produce: (ending: AbortSignal) => AsyncGenerator<T, void>): AsyncIterable<T>;
  /** Ends all of them, and those opened later. */
  close(): void;
  /** Number of streams that somebody reads. */
  readonly size: number;
}

/** No streams yet. */
export function createStreams(): Streams {
  const closing = new AbortController();
  const ends = new Set<() => void>();

  function iterate<T>(
    signal: AbortSignal,
    produce: (ending: AbortSignal) => AsyncGenerator<T, void>,
  ): AsyncIterator<T, void> {
    const ending = new AbortController();
    const generator = produce(ending.signal);
    const release = () => {
      ends.delete(end);
      signal.removeEventListener('abort', end);
    };
    // A plain `return` of a generator that waits would only be heard after the wait.
    const end = () => {
      release();
      ending.abort();
      generator.return().catch(() => {});
    };
    const next = async () => {
      const result = await generator.next().catch((error: unknown) => {
        release();
        throw error;
      });
      if (result.done) release();
      return result;
    };
    ends.add(end);
    // One socket's signal may end hundreds of streams; that is no leak, and Node would warn of one.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted || closing.signal.aborted) end();
    return {
      next,
      return: async () => {
        end();
        return generator.return();
      },
    };
  }

  return {
    open: (signal, produce) => ({ [Symbol.asyncIterator]: () => iterate(signal, produce) }),
    close: () => {
      closing.abort();
      for (const end of [...ends]) end();
    },
    get size() {
      return ends.size;
    },
  };
}
