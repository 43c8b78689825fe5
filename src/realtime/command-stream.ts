/** Says that there are commands to be leased; which ones, whoever leases them is told. @module */
import type { Rows } from '../db/rows.ts';
import { countLeasable } from '../domain/command/lease.ts';
import type { Clock } from '../lib/clock.ts';
import type { Doorbell } from './doorbell.ts';
import type { Streams } from './streams.ts';

/** What {@link createCommandStream} works with. */
export interface CommandStreamParts {
  reader: Rows;
  doorbell: Doorbell;
  streams: Streams;
  clock: Clock;
}

/** Milliseconds after which it is looked again without a ring: leases run out, and times come, silently. */
const lookAgain = 10_000;

/**
 * Makes `deviceCommands`: a number whenever something that waits is rung for, and again every ten seconds while some wait. The
 * same number twice can mean other commands, since nothing rings when they are leased.
 */
export function createCommandStream({
  reader,
  doorbell,
  streams,
  clock,
}: CommandStreamParts): (query: { organizationId: bigint; signal: AbortSignal }) => AsyncIterable<{ waiting: number }> {
  async function* produce(organizationId: bigint, signal: AbortSignal): AsyncGenerator<{ waiting: number }, void> {
    const watcher = doorbell.watch(`commands:${organizationId}`);
    try {
      while (!signal.aborted) {
        const waiting = await countLeasable(reader, organizationId, clock.now());
        if (waiting > 0) yield { waiting };
        const pause = new AbortController();
        const over = AbortSignal.any([signal, pause.signal]);
        // Whichever comes first ends the other.
        const slept = clock.sleep(lookAgain, over).then(
          () => pause.abort(),
          () => {},
        );
        await watcher.next(over);
        pause.abort();
        await slept;
      }
    } finally {
      watcher.close();
    }
  }
  return ({ organizationId, signal }) => streams.open(signal, (ending) => produce(organizationId, ending));
}
