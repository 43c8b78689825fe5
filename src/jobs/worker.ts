/** A worker: graphile-worker with our jobs, a heartbeat, and a sweep for work that lost its job. @module */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Logger as GraphileLogger, type Job, run, type TaskList, type WorkerEvents } from 'graphile-worker';
import type { Database } from '../db/client.ts';
import { enqueue, type JobName } from '../db/enqueue.ts';
import { transaction } from '../db/transaction.ts';
import type { Services } from '../domain/context.ts';
import { prune } from '../domain/work/prune.ts';
import type { Logger } from '../lib/logger.ts';
import { startHeartbeat } from './heartbeat.ts';
import { interruptible, WorkerStopsError } from './interruptible.ts';
import { type JobHandler, jobs } from './registry.ts';
import { sweep } from './sweep.ts';

/** Options of {@link startWorker}; times in milliseconds. */
export interface WorkerOptions {
  database: Database;
  services: Services;
  /** Jobs that run side by side. */
  concurrency: number;
  /** How often graphile-worker looks for jobs whose time has come. */
  pollInterval: number;
  heartbeatEvery: number;
  deadAfter: number;
  sweepEvery: number;
}

/** A running worker. */
export interface Worker {
  poolId: string;
  /** Interrupts running jobs where they can go on elsewhere, lets the others end, then stops. */
  stop(): Promise<void>;
}

/** Starts working. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { database, services } = options;
  const events = new EventEmitter() as WorkerEvents;
  const poolIds: string[] = [];
  const stopping = new AbortController();
  events.on('pool:create', ({ workerPool }) => poolIds.push(workerPool.id));
  const runner = await run({
    pgPool: database.pool,
    concurrency: options.concurrency,
    pollInterval: options.pollInterval,
    noHandleSignals: true,
    events,
    logger: graphileLogger(services.logger),
    taskList: taskList(services, stopping.signal),
    crontab: '17 3 * * * prune',
    // Without these a graceful stop would return before the last completions are written, and those jobs ran again.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  const [poolId] = poolIds;
  if (!poolId) throw new Error('graphile-worker did not name its pool');
  const heartbeat = await startHeartbeat({
    url: database.url,
    poolId,
    logger: services.logger,
    every: options.heartbeatEvery,
    deadAfter: options.deadAfter,
  });
  const stopSweeping = sweepEvery(services, options.sweepEvery);
  return {
    poolId,
    stop: async () => {
      stopping.abort(new WorkerStopsError());
      await stopSweeping();
      await runner.stop();
      await heartbeat.stop();
    },
  };
}

function taskList(services: Services, stopping: AbortSignal): TaskList {
  const handlers: Record<string, JobHandler> = {
    ...jobs,
    prune: async () => {
      services.logger.info(await prune(services), 'old rows deleted');
    },
  };
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      async (payload, helpers) => {
        const correlationId = randomUUID();
        const logger = services.logger.child({
          job: name,
          jobId: helpers.job.id,
          attempt: helpers.job.attempts,
          correlationId,
        });
        try {
          await handle(interruptible({ ...services, logger }, stopping), payload, correlationId);
        } catch (error) {
          if (!(error instanceof WorkerStopsError)) throw error;
          await handOver(services, name, helpers.job);
          logger.info({}, 'interrupted, because the worker stops; the job goes on elsewhere');
        }
      },
    ]),
  );
}

/** Puts a new job in the place of an interrupted one. Without a key it has been replaced already. */
async function handOver(services: Services, name: string, job: Job): Promise<void> {
  const { key } = job;
  if (key === null) return;
  const payload = job.payload as Record<string, string>;
  await transaction(services, (tx) => enqueue(tx, { name: name as JobName, payload, key }));
}

function sweepEvery(services: Services, milliseconds: number): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    running = sweep(services).catch((error) =>
      services.logger.warn({ error }, 'the sweep for lost work failed; it comes again'),
    );
  }, milliseconds);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function graphileLogger(logger: Logger): GraphileLogger {
  return new GraphileLogger((scope) => (level, message, meta) => {
    const fields = { scope, ...(meta?.error ? { error: meta.error } : {}) };
    if (level === 'error') logger.error(fields, message);
    else if (level === 'warning') logger.warn(fields, message);
    else logger.debug(fields, message);
  });
}
