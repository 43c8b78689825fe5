/** A worker: graphile-worker with our jobs, a heartbeat, and a sweep for work that lost its job. @module */
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Logger as GraphileLogger, type Job, run, type TaskList, type WorkerEvents } from 'graphile-worker';
import type { Database } from '../db/client.ts';
import { enqueue, type JobName } from '../db/enqueue.ts';
import { transaction } from '../db/transaction.ts';
import type { Services } from '../domain/context.ts';
import { prune } from '../domain/work/prune.ts';
import { withLogFields } from '../lib/log-fields.ts';
import type { Logger } from '../lib/logger.ts';
import { type RunningJob, startHeartbeat } from './heartbeat.ts';
import { interruptible, WorkerStopsError } from './interruptible.ts';
import { type JobPool, keepPool } from './lasting-pool.ts';
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
  /** graphile-worker's name of the pool that works now. */
  readonly poolId: string;
  /** Interrupts running jobs where they can go on elsewhere, lets the others end, then stops. */
  stop(): Promise<void>;
}

/** Starts working. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { services } = options;
  const stopping = new AbortController();
  const pool = await keepPool(() => startPool(options, stopping.signal), services);
  const stopSweeping = sweepEvery(services, options.sweepEvery);
  return {
    get poolId() {
      return pool.poolId;
    },
    stop: async () => {
      stopping.abort(new WorkerStopsError());
      await stopSweeping();
      await pool.stop();
    },
  };
}

/** One pool of graphile-worker, and its heartbeat. */
async function startPool(options: WorkerOptions, stopping: AbortSignal): Promise<JobPool> {
  const { database, services } = options;
  const events = new EventEmitter() as WorkerEvents;
  const poolIds: string[] = [];
  const running = new Map<string, RunningJob>();
  const interrupting = new AbortController();
  events.on('pool:create', ({ workerPool }) => poolIds.push(workerPool.id));
  events.on('job:start', ({ job }) => running.set(job.id, { id: job.id, queueId: job.job_queue_id }));
  events.on('job:complete', ({ job }) => running.delete(job.id));
  const ended = once(events, 'pool:gracefulShutdown');
  let givenUp = false;
  void ended.then(() => {
    givenUp = true;
  });
  const runner = await run({
    pgPool: database.pool,
    concurrency: options.concurrency,
    pollInterval: options.pollInterval,
    noHandleSignals: true,
    events,
    logger: graphileLogger(services.logger),
    taskList: taskList(services, AbortSignal.any([stopping, interrupting.signal])),
    crontab: '17 3 * * * prune',
    // Without these a graceful stop would return before the last completions are written, and those jobs ran again.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  const [poolId] = poolIds;
  if (!poolId) throw new Error('graphile-worker did not name its pool');
  const heartbeat = await startHeartbeat({
    url: database.url,
    poolId,
    running: () => [...running.values()],
    logger: services.logger,
    every: options.heartbeatEvery,
    deadAfter: options.deadAfter,
  });
  // Why it ended, graphile-worker has logged.
  runner.promise.catch(() => {});
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    interrupting.abort(new WorkerStopsError());
    // One that gave up waits for its jobs, and nobody has to wait for it.
    if (!givenUp) await runner.stop();
    await heartbeat.stop();
  };
  return {
    poolId,
    ended,
    stop: () => {
      stopped ??= stop();
      return stopped;
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
        const { job } = helpers;
        const correlationId = (payload as { correlationId?: string }).correlationId ?? randomUUID();
        await withLogFields({ job: name, jobId: job.id, attempt: job.attempts, correlationId }, async () => {
          try {
            await handle(interruptible(services, stopping), payload, correlationId);
          } catch (error) {
            if (!(error instanceof WorkerStopsError)) throw error;
            await handOver(services, name, job);
            services.logger.info({}, 'interrupted, because the worker stops; the job goes on elsewhere');
          }
        });
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
