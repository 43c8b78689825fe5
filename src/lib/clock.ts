/** Where every part of Russet gets the time from, so that tests can turn it by hand. @module */
import { setTimeout as delay } from 'node:timers/promises';

/** The time, and waiting in it. Domain code never calls `Date.now()` and SQL never calls `now()`. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Waits `milliseconds`; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (milliseconds, signal) => {
    await delay(Math.max(0, milliseconds), undefined, signal ? { signal } : {});
  },
};

/** A clock that stands still until somebody moves it. */
export interface VirtualClock extends Clock {
  /** Moves the time forward and wakes every sleeper whose time has come, in order. */
  advance(milliseconds: number): Promise<void>;
  /** Sets the time to a moment; sleepers whose time has come wake. */
  set(moment: Date): Promise<void>;
}

interface Sleeper {
  at: number;
  wake: () => void;
}

/** A virtual clock for tests and for the simulator. `start` is its first moment. */
export function createVirtualClock(start: Date): VirtualClock {
  let present = start.getTime();
  const sleepers = new Set<Sleeper>();

  async function moveTo(target: number): Promise<void> {
    for (;;) {
      const next = [...sleepers].filter((sleeper) => sleeper.at <= target).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      present = Math.max(present, next.at);
      sleepers.delete(next);
      next.wake();
      await Promise.resolve();
    }
    present = Math.max(present, target);
  }

  return {
    now: () => new Date(present),
    sleep: (milliseconds, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper: Sleeper = { at: present + Math.max(0, milliseconds), wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          if (sleepers.delete(sleeper)) reject(signal.reason);
        });
      }),
    advance: (milliseconds) => moveTo(present + milliseconds),
    set: (moment) => moveTo(moment.getTime()),
  };
}
