/**
 * Dead and frozen workers. graphile-worker keeps a job locked for hours when its process dies, so every worker beats on
 * a connection of its own, and whoever sees another's beat stop gives that one's jobs to the others.
 * @module
 */
import { hostname } from 'node:os';
import pg from 'pg';
import type { Logger } from '../lib/logger.ts';

/** A job by graphile-worker's ids. */
export interface RunningJob {
  id: string;
  queueId: number | null;
}

/** Options of {@link startHeartbeat}. */
export interface HeartbeatOptions {
  url: string;
  /** graphile-worker's id of this process, which its locks carry. */
  poolId: string;
  /** The jobs that this process works on. */
  running(): RunningJob[];
  logger: Logger;
  /** Milliseconds between two beats. */
  every: number;
  /** Milliseconds without a beat after which a worker counts as dead. */
  deadAfter: number;
}

/** A beating worker. */
export interface Heartbeat {
  /** One beat and one look at the others, at once. */
  beat(): Promise<void>;
  /** Stops beating and takes the row away. */
  stop(): Promise<void>;
}

/** Starts beating. All times are the database's, so that the clocks of the machines do not matter. */
export async function startHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  let client: pg.Client | null = null;
  let running: Promise<void> = Promise.resolve();

  async function connected(): Promise<pg.Client> {
    if (client) return client;
    const fresh = new pg.Client({
      connectionString: options.url,
      application_name: 'russet heartbeat',
      keepAlive: true,
    });
    fresh.on('error', () => {
      client = null;
    });
    await fresh.connect();
    client = fresh;
    return fresh;
  }

  async function beat(): Promise<void> {
    try {
      const db = await connected();
      await db.query(beatSql, [options.poolId, process.pid, hostname()]);
      const { rows } = await db.query<{ pool_ids: string[] | null }>(rescueSql, [
        options.poolId,
        options.deadAfter / 1000,
      ]);
      const poolIds = rows[0]?.pool_ids;
      if (poolIds) options.logger.warn({ poolIds }, 'workers stopped beating; their jobs go to others');
      const running = options.running();
      const mine = [options.poolId, options.deadAfter / 1000];
      await db.query(freeJobsSql, [...mine, running.map((job) => job.id)]);
      const { rowCount } = await db.query(freeQueuesSql, [...mine, running.flatMap((job) => job.queueId ?? [])]);
      if (rowCount) options.logger.warn({ queues: rowCount }, 'queues were held for jobs that are gone; they go on');
    } catch (error) {
      client = null;
      options.logger.warn({ error }, 'the heartbeat did not reach the database');
    }
  }

  const tick = () => {
    running = running.then(beat);
    return running;
  };
  await tick();
  const timer = setInterval(tick, options.every);
  return {
    beat: tick,
    stop: async () => {
      clearInterval(timer);
      await running;
      await client?.query('DELETE FROM worker_process WHERE pool_id = $1', [options.poolId]).catch(() => {});
      await client?.end().catch(() => {});
    },
  };
}

const beatSql = `
  INSERT INTO worker_process (pool_id, pid, host, started_at, beat_at) VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())
  ON CONFLICT (pool_id) DO UPDATE SET beat_at = clock_timestamp()`;

// One statement, so that nobody dies between striking a worker off and freeing its jobs. A worker can also die before its
// first beat; then only its locks tell of it.
const rescueSql = `
  WITH silent AS (
    DELETE FROM worker_process WHERE pool_id <> $1 AND beat_at < clock_timestamp() - make_interval(secs => $2) RETURNING pool_id
  ), unheard AS (
    SELECT DISTINCT j.locked_by AS pool_id FROM graphile_worker.jobs j
    WHERE j.locked_by <> $1 AND j.locked_at < clock_timestamp() - make_interval(secs => $2)
      AND NOT EXISTS (SELECT 1 FROM worker_process w WHERE w.pool_id = j.locked_by)
  ), dead AS (
    SELECT array_agg(pool_id) AS pool_ids FROM (SELECT pool_id FROM silent UNION SELECT pool_id FROM unheard) d
  )
  SELECT pool_ids, graphile_worker.force_unlock_workers(pool_ids) FROM dead`;

// When the connection breaks while a job is being fetched, the job is locked for a worker that has never heard of it.
const freeJobsSql = `
  UPDATE graphile_worker._private_jobs SET locked_by = NULL, locked_at = NULL
  WHERE locked_by = $1 AND locked_at < clock_timestamp() - make_interval(secs => $2) AND id <> ALL ($3::bigint[])`;

// A worker that was frozen, lost its job to another one and wakes late still completes it: graphile-worker deletes the job
// whoever holds it, but frees the queue only for its holder, who finds no job any more when it is done. The queue would stay
// held for as long as that one lives. It is freed by its holder, once it no longer works on the job, or when that one is gone.
const freeQueuesSql = `
  UPDATE graphile_worker._private_job_queues q SET locked_by = NULL, locked_at = NULL
  WHERE q.locked_by IS NOT NULL AND q.locked_at < clock_timestamp() - make_interval(secs => $2)
    AND NOT EXISTS (SELECT 1 FROM graphile_worker._private_jobs j WHERE j.job_queue_id = q.id AND j.locked_by = q.locked_by)
    AND CASE WHEN q.locked_by = $1 THEN q.id <> ALL ($3::int[])
             ELSE NOT EXISTS (SELECT 1 FROM worker_process w WHERE w.pool_id = q.locked_by) END`;
