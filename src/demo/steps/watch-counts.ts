/** The counts of an app, live, beside whatever else is going on. @module */
import { sleep } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import { type Numbers, numbersOf } from '../report.ts';
import type { Run } from '../step.ts';

/** Counts that are being watched. */
export interface CountWatch {
  /** Those of the beginning. */
  readonly before: Numbers;
  /** All that were told, the newest last. */
  readonly seen: readonly Numbers[];
  newest(): Numbers;
  /** Calls `listener` whenever they move. */
  onChange(listener: () => void): void;
  /** Waits until they are as wanted. False when they are not within `limit` milliseconds. */
  until(wanted: (numbers: Numbers) => boolean, limit: number): Promise<boolean>;
  stop(): Promise<void>;
}

/** Subscribes, and resolves with the first counts. */
export async function watchCounts({ live, signal }: Run, appId: string): Promise<CountWatch> {
  const ended = new AbortController();
  const seen: Numbers[] = [];
  const listeners = new Set<() => void>();
  let failure: unknown;
  let resolveFirst: (numbers: Numbers) => void = () => {};
  let rejectFirst: (reason: unknown) => void = () => {};
  const first = new Promise<Numbers>((resolve, reject) => {
    resolveFirst = resolve;
    rejectFirst = reject;
  });
  const reading = read();

  async function read(): Promise<void> {
    try {
      for await (const counts of live.counts(appId, ended.signal)) {
        const numbers = numbersOf(counts);
        seen.push(numbers);
        resolveFirst(numbers);
        for (const listener of listeners) listener();
      }
      rejectFirst(signal.reason ?? new DemoFailure('CONNECTION_LOST', 'The counts ended before they began.'));
    } catch (error) {
      failure = error;
      rejectFirst(error);
      for (const listener of listeners) listener();
    }
  }

  const before = await first;
  const newest = () => seen.at(-1) ?? before;
  return {
    before,
    seen,
    newest,
    onChange: (listener) => void listeners.add(listener),
    until: async (wanted, limit) => {
      const settled = new AbortController();
      const look = () => {
        if (failure !== undefined || wanted(newest())) settled.abort();
      };
      listeners.add(look);
      look();
      await sleep(limit, AbortSignal.any([settled.signal, signal]));
      listeners.delete(look);
      if (failure !== undefined) throw failure;
      signal.throwIfAborted();
      return wanted(newest());
    },
    stop: async () => {
      ended.abort();
      await reading;
    },
  };
}
