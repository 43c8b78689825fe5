/**
 * graphile-worker gives up for good when it can't write down that a job is done: one moment without the database is enough.
 * The process would live on, beat, and take no jobs. So a pool that ended by itself has a successor.
 * @module
 */
import { backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

/** A pool of graphile-worker, with all that belongs to it. */
export interface JobPool {
  /** graphile-worker's name of it, which its locks carry. */
  poolId: string;
  /** Resolves when it takes no more jobs, for whatever reason. */
  ended: Promise<unknown>;
  /** Stops it and takes its traces away. May be called again, and after its end. */
  stop(): Promise<void>;
}

/** Waits between tries to start again, in milliseconds. */
const retry = { base: 200, factor: 2, cap: 5_000 };

/** Starts a pool, and another one whenever it ends. The first one must start; later ones are tried for as long as it takes. */
export async function keepPool(
  start: () => Promise<JobPool>,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<Omit<JobPool, 'ended'>> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let pool = await start();

  async function keep(): Promise<void> {
    for (;;) {
      await pool.ended;
      await pool.stop();
      if (signal.aborted) return;
      logger.error(
        { poolId: pool.poolId },
        'the job queue gave up, as it does when the database goes away; it starts anew',
      );
      const next = await startAgain();
      if (!next) return;
      pool = next;
      if (signal.aborted) await pool.stop();
    }
  }

  async function startAgain(): Promise<JobPool | null> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await start();
      } catch (error) {
        logger.warn({ error, attempt }, 'the job queue could not start; trying again');
        await clock.sleep(backoff(attempt, retry), signal).catch(() => {});
      }
    }
    return null;
  }

  const keeping = keep();
  return {
    get poolId() {
      return pool.poolId;
    },
    stop: async () => {
      stopping.abort();
      await pool.stop();
      await keeping;
    },
  };
}
