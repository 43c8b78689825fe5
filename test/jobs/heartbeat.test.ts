import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Heartbeat, type RunningJob, startHeartbeat } from '../../src/jobs/heartbeat.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: pg.Pool;
let heartbeat: Heartbeat;
let running: RunningJob[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  db = new pg.Pool({ connectionString: database.url, max: 2 });
  heartbeat = await startHeartbeat({
    url: database.url,
    poolId: 'pool-mine',
    running: () => running,
    logger: silentLogger,
    every: 60_000,
    deadAfter: 20_000,
  });
});
afterAll(async () => {
  await heartbeat.stop();
  await db.end();
  await database.drop();
});
beforeEach(async () => {
  await db.query('DELETE FROM graphile_worker._private_jobs');
  await db.query('DELETE FROM graphile_worker._private_job_queues');
  await db.query(`DELETE FROM worker_process WHERE pool_id <> 'pool-mine'`);
  running = [];
});

/** A job with a queue of its own that `poolId` took so many seconds ago. Gives its id. */
async function takenJob(poolId: string, secondsAgo: number): Promise<string> {
  await db.query(`SELECT graphile_worker.add_job('sync-token', queue_name => $1, job_key => $1)`, [poolId]);
  const taken = 'locked_by = $1, locked_at = clock_timestamp() - make_interval(secs => $2)';
  const job = await db.query<{ id: string }>(
    `UPDATE graphile_worker._private_jobs SET ${taken} WHERE key = $1 RETURNING id`,
    [poolId, secondsAgo],
  );
  await db.query(`UPDATE graphile_worker._private_job_queues SET ${taken} WHERE queue_name = $1`, [poolId, secondsAgo]);
  return job.rows[0]!.id;
}

/** Notes that `poolId` showed its last sign of life so many seconds ago. */
async function lastBeat(poolId: string, secondsAgo: number): Promise<void> {
  await db.query(
    `INSERT INTO worker_process (pool_id, pid, host, started_at, beat_at)
     VALUES ($1, 1, 'elsewhere', clock_timestamp(), clock_timestamp() - make_interval(secs => $2))`,
    [poolId, secondsAgo],
  );
}

/** Who holds a job, and who holds a queue. */
async function holders(): Promise<[string[], string[]]> {
  const of = async (table: string) =>
    (await db.query<{ by: string }>(`SELECT locked_by AS by FROM ${table} WHERE locked_by IS NOT NULL ORDER BY 1`))
      .rows;
  const [jobs, queues] = [await of('graphile_worker._private_jobs'), await of('graphile_worker._private_job_queues')];
  return [jobs.map(({ by }) => by), queues.map(({ by }) => by)];
}

test('F12 the jobs of a worker that fell silent are free again, and it is struck off', async () => {
  await takenJob('pool-silent', 600);
  await lastBeat('pool-silent', 21);
  await takenJob('pool-alive', 600);
  await lastBeat('pool-alive', 3);
  await heartbeat.beat();
  expect(await holders()).toEqual([['pool-alive'], ['pool-alive']]);
  const { rows } = await db.query('SELECT pool_id FROM worker_process ORDER BY pool_id');
  expect(rows).toEqual([{ pool_id: 'pool-alive' }, { pool_id: 'pool-mine' }]);
});

test('F12 the jobs of a worker that died before its first sign of life are free again', async () => {
  await takenJob('pool-stillborn', 21);
  await takenJob('pool-newborn', 3);
  await heartbeat.beat();
  expect(await holders()).toEqual([['pool-newborn'], ['pool-newborn']]);
});

test('F12 a worker never takes its own jobs away, however long they last', async () => {
  running = [{ id: await takenJob('pool-mine', 3_600), queueId: null }];
  await heartbeat.beat();
  expect(await holders()).toEqual([['pool-mine'], ['pool-mine']]);
});

test('F12 a queue whose job was completed by a worker that woke late is freed by its holder, when that one is done with it', async () => {
  const job = await takenJob('pool-mine', 30);
  await takenJob('pool-alive', 30);
  await lastBeat('pool-alive', 3);
  await takenJob('pool-gone', 30);
  const queue = await db.query<{ id: number }>(
    `SELECT id FROM graphile_worker._private_job_queues WHERE queue_name = 'pool-mine'`,
  );
  await db.query('DELETE FROM graphile_worker._private_jobs');
  running = [{ id: job, queueId: queue.rows[0]!.id }];
  await heartbeat.beat();
  expect(await holders()).toEqual([[], ['pool-alive', 'pool-mine']]);
  running = [];
  await heartbeat.beat();
  expect(await holders()).toEqual([[], ['pool-alive']]);
});

test('F12 a job that was fetched for this worker and never arrived is free again; a young one may be on its way', async () => {
  await takenJob('pool-mine', 21);
  await heartbeat.beat();
  expect(await holders()).toEqual([[], []]);
  await db.query('DELETE FROM graphile_worker._private_jobs');
  await takenJob('pool-mine', 3);
  await heartbeat.beat();
  expect(await holders()).toEqual([['pool-mine'], ['pool-mine']]);
});
