import { enqueue } from '../db/enqueue.ts';
import { sql, transaction } from '../db/transaction.ts';
import type { Services } from '../domain/context.ts';
import { dueWork } from '../domain/work/due.ts';

/** Adds a job for everything that is due and has none, or one that has given up: whatever became of the jobs, the work is done. */
export async function sweep(services: Services): Promise<number> {
  const due = await dueWork(services);
  if (due.length === 0) return 0;
  return transaction(services, async (tx) => {
    const keys = due.map((work) => work.key);
    const waiting = await tx.$queryRaw<{ key: string }[]>(
      // One that used up its attempts stays in the table and will never run.
      sql`SELECT key FROM graphile_worker.jobs WHERE key = ANY (${keys}::text[]) AND attempts < max_attempts`,
    );
    const known = new Set(waiting.map((job) => job.key));
    const missing = due.filter((work) => !known.has(work.key));
    for (const work of missing) await enqueue(tx, work);
    return missing.length;
  });
}
