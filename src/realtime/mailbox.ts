/** One slot for each key; the newest value of a key wins. What a slow reader holds can't grow beyond its keys. @module */
import { createBell } from './bell.ts';

/** What waits for one reader. */
export interface Mailbox<Key, Value> {
  /** Puts the value into the key's slot, which keeps its place in the line. False when all slots are taken by others. */
  put(key: Key, value: Value): boolean;
  /** Empties the key's slot. */
  drop(key: Key): void;
  /** Takes out what waits longest. */
  take(): Value | undefined;
  /** Resolves with true when something may have been put in since the last look, with false when `signal` aborts. */
  filled(signal: AbortSignal): Promise<boolean>;
  /** Makes the reader look, also when nothing was put in. */
  wake(): void;
  readonly size: number;
}

/** An empty mailbox of at most `slots` keys. */
export function createMailbox<Key, Value>(slots = Number.POSITIVE_INFINITY): Mailbox<Key, Value> {
  const values = new Map<Key, Value>();
  const bell = createBell();
  return {
    put: (key, value) => {
      if (values.size >= slots && !values.has(key)) return false;
      values.set(key, value);
      bell.ring();
      return true;
    },
    drop: (key) => {
      values.delete(key);
    },
    take: () => {
      const oldest = values.entries().next();
      if (oldest.done) return undefined;
      values.delete(oldest.value[0]);
      return oldest.value[1];
    },
    filled: (signal) => bell.next(signal),
    wake: () => bell.ring(),
    get size() {
      return values.size;
    },
  };
}
