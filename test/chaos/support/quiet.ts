/** The quiet after the storm: healthy workers, an obliging Apple, and everything done that was asked for. @module */
import { eventually } from '../../support/eventually.ts';
import { endOfTask, startSync } from '../../support/process-steps.ts';
import { liveJobs } from '../../support/process-truth.ts';
import type { Load } from './load.ts';
import type { System } from './system.ts';

/** Options of {@link comeToRest}. */
export interface RestOptions {
  /** Reads both libraries again at the end, as the nightly sync does: what was done from outside shows only there. */
  sync: boolean;
  /** The workers that are there have to do it. */
  sameWorkers?: boolean;
  /** Most milliseconds until all tasks have ended. */
  within?: number;
}

/** Waits until nothing is left to do. Gives a sentence for what did not come to its end. */
export async function comeToRest(system: System, load: Load, options: RestOptions): Promise<string[]> {
  const { processes } = system;
  const { simulator } = processes;
  await load.stop();
  await simulator.clearFaults();
  await simulator.setOptions({ countLagSeconds: 0, latencyMs: 0, limits: roomyLimits });
  if (!options.sameWorkers) {
    await processes.killWorkers();
    await Promise.all([processes.worker(), processes.worker()]);
  }
  const stuck = await waitForTasks(system, options.within ?? 90_000);
  if (options.sync && stuck.length === 0) stuck.push(...(await syncAll(system)));
  await load.close(stuck.length === 0 ? 10_000 : 0);
  return stuck;
}

/** What the simulator publishes when it is left alone. */
export const roomyLimits = { maxAssets: 25, maxSerialNumbers: 1000, maxClientUserIds: 1000 };

async function waitForTasks(system: System, within: number): Promise<string[]> {
  const { processes } = system;
  const open = async () => {
    const { rows } = await processes.db.query<{ text: string }>(
      `SELECT format('task %s (%s) is %s, phase %s, waits for %s until %s', id, kind, state, phase, waits_for, waits_until) AS text
       FROM task WHERE state NOT IN ('SUCCEEDED', 'FAILED', 'CANCELLED') ORDER BY id`,
    );
    return rows.map((row) => row.text);
  };
  const atRest = async () => (await open()).length === 0 && (await liveJobs(processes)) === 0;
  // What comes later, as a look at counts that differ, was not asked for by anybody.
  if (await eventually(atRest, within)) return [];
  const left = (await open()).map((text) => `${text}, and it should have ended within ${within / 1000} s of quiet`);
  const { rows } = await processes.db.query<{ text: string }>(
    `SELECT format('Job %s is left: run at %s, attempt %s, locked by %s since %s, queue locked by %s since %s, last error %s',
       j.key, j.run_at, j.attempts, j.locked_by, j.locked_at, q.locked_by, q.locked_at, left(j.last_error, 200)) AS text
     FROM graphile_worker._private_jobs j LEFT JOIN graphile_worker._private_job_queues q ON q.id = j.job_queue_id
     WHERE j.attempts < j.max_attempts OR j.locked_by IS NOT NULL`,
  );
  return [...left, ...rows.map((row) => row.text)];
}

/** Twice, because what was missed while the library moved is judged by the second one. */
async function syncAll({ apis, tokenIds, processes }: System): Promise<string[]> {
  const failed: string[] = [];
  for (const tokenId of [...tokenIds, ...tokenIds]) {
    const task = await endOfTask(apis[0]!, await startSync(apis[0]!, tokenId), 60_000);
    if (task.state !== 'SUCCEEDED') failed.push(`a sync in quiet ended as ${JSON.stringify(task)}`);
  }
  await eventually(async () => (await liveJobs(processes)) === 0, 20_000);
  return failed;
}
