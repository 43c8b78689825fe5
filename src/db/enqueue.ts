/** The one way to ask a worker for work. @module */
import { sql, type Tx, texts } from './sql.ts';

/** The jobs there are; each wakes a verb that reads from our rows what is due. */
export type JobName =
  | 'run-updates'
  | 'refresh-seats'
  | 'sync-token'
  | 'reserve-licenses'
  | 'write-licenses'
  | 'refresh-asset'
  | 'serve-waiting'
  | 'refresh-metadata'
  | 'guard-token'
  | 'remove-token'
  | 'forget-licenses'
  | 'reconcile-token'
  | 'apply-notifications'
  | 'register-webhook'
  | 'drive-devices'
  | 'drive-operations'
  | 'reclaim-licenses'
  | 'compare-deployments';

/** A wake-up call. It carries ids only and may come twice. */
export interface Job {
  name: JobName;
  /** Ids as texts: what to look at, and `correlationId` where no task keeps the id of the request. */
  payload: Record<string, string>;
  /** One job of a key waits at a time, and jobs of a key never run side by side. */
  key: string;
  /** Earliest moment, by the database's clock; at once by default. */
  runAt?: Date | undefined;
}

/** What was asked for in transactions that are not over. */
const asked = new WeakMap<Tx, Map<string, Job>>();

/**
 * Adds the job in the transaction of the write that needs it. A waiting job of the same key is brought forward to
 * now; a job with `runAt` never delays one that already waits.
 */
export async function enqueue(tx: Tx, job: Job): Promise<void> {
  const jobs = asked.get(tx);
  if (!jobs) return addJobs(tx, [job]);
  const known = jobs.get(job.key);
  jobs.set(job.key, known ? { ...job, ...sooner(known, job) } : job);
}

/** Does the work of a transaction, and then adds its jobs in the order of their keys: nothing is locked behind them. */
export async function withJobs<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  const jobs = new Map<string, Job>();
  asked.set(tx, jobs);
  const result = await work(tx);
  await addJobs(
    tx,
    [...jobs.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  );
  return result;
}

function sooner(a: Job, b: Job): { runAt?: Date | undefined } {
  if (!a.runAt || !b.runAt) return { runAt: undefined };
  return { runAt: a.runAt < b.runAt ? a.runAt : b.runAt };
}

async function addJobs(tx: Tx, jobs: readonly Job[]): Promise<void> {
  if (jobs.length === 0) return;
  await tx.$queryRaw(sql`
    SELECT 1 FROM unnest(${jobs.map((job) => job.name)}::text[], ${jobs.map((job) => JSON.stringify(job.payload))}::text[], ${jobs.map((job) => job.key)}::text[],
      ${texts(jobs.map((job) => job.runAt?.toISOString() ?? null))}::timestamptz[]) AS j(name, payload, key, run_at)
    CROSS JOIN LATERAL graphile_worker.add_job(identifier => j.name, payload => j.payload::json, queue_name => j.key, run_at => j.run_at, max_attempts => 25,
      job_key => j.key, job_key_mode => CASE WHEN j.run_at IS NULL THEN 'replace' ELSE 'preserve_run_at' END)`);
}
