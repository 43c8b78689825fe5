/**
 * Gives a stream a signal that aborts the moment its reader goes away. Without it a generator that waits for news would
 * hear of its end only after the next news.
 */
export function abortable<T>(open: (signal: AbortSignal) => AsyncIterable<T>): AsyncIterableIterator<T> {
  const ended = new AbortController();
  const source = open(ended.signal)[Symbol.asyncIterator]();
  const stop = () => ended.abort(new DOMException('The reader went away.', 'AbortError'));
  const done: IteratorResult<T> = { done: true, value: undefined };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        return ended.signal.aborted ? done : await source.next();
      } catch (error) {
        if (ended.signal.aborted) return done;
        throw error;
      }
    },
    async return() {
      stop();
      await source.return?.().catch(() => {});
      return done;
    },
    async throw(error: unknown) {
      stop();
      await source.return?.().catch(() => {});
      throw error;
    },
  };
}
