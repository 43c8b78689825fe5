/** The one way to ask a worker for work. @module */
import { moment, sql, type Tx } from './transaction.ts';

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
  runAt?: Date;
}

/**
 * Adds the job in the transaction of the write that needs it. A waiting job of the same key is brought forward to
 * now; a job with `runAt` never delays one that already waits.
 */
export async function enqueue(tx: Tx, job: Job): Promise<void> {
  await tx.$queryRaw(sql`
    SELECT 1 FROM graphile_worker.add_job(
      identifier => ${job.name}, payload => ${JSON.stringify(job.payload)}::json, queue_name => ${job.key},
      run_at => ${job.runAt ? moment(job.runAt) : sql`NULL`}, max_attempts => 25, job_key => ${job.key},
      job_key_mode => ${job.runAt ? 'preserve_run_at' : 'replace'})`);
}
