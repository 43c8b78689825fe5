/** Whether what Russet says, what its ledger says and what Apple has are one and the same. @module */
import { expect } from 'vitest';
import type { JobName } from '../../src/db/enqueue.ts';
import { schoolUnits } from '../../src/simulator/index.ts';
import { rowOf } from './process-steps.ts';
import type { Processes } from './processes.ts';

/** Library of the token `own`. */
const library = schoolUnits.own;

/** Each of the devices holds exactly one license of each app, here and at Apple, and all books agree. */
export async function expectExactlyOnce(
  { db, simulator }: Processes,
  adamIds: readonly string[],
  serialNumbers: readonly string[],
): Promise<void> {
  const wanted = adamIds.flatMap((adamId) => serialNumbers.map((serial) => `${adamId} ${serial}`)).sort();
  const truth = await simulator.truth(library);
  const atApple = truth.assignments.filter(({ adamId }) => adamIds.includes(adamId));
  expect(atApple.map(({ adamId, serialNumber }) => `${adamId} ${serialNumber}`).sort()).toEqual(wanted);
  const here = await db.query<{ pair: string }>(
    `SELECT adam_id || ' ' || serial_number AS pair FROM license WHERE adam_id = ANY ($1) AND ended_at IS NULL AND state = 'CONFIRMED'`,
    [adamIds],
  );
  expect(here.rows.map((row) => row.pair).sort()).toEqual(wanted);
  const others = await db.query(
    `SELECT state, count(*)::int FROM license WHERE adam_id = ANY ($1) AND state <> 'CONFIRMED' GROUP BY state`,
    [adamIds],
  );
  expect(others.rows).toEqual([]);

  const pools = await db.query<{ adam_id: string; held: number; reserved: number; ledger: number; open: number }>(
    `SELECT p.adam_id, p.held::int, p.reserved::int, coalesce(sum(l.held_delta), 0)::int AS ledger, coalesce(sum(l.reserved_delta), 0)::int AS open
     FROM license_pool p LEFT JOIN ledger l ON l.pool_id = p.id WHERE p.adam_id = ANY ($1)
     GROUP BY p.id, p.adam_id, p.held, p.reserved`,
    [adamIds],
  );
  expect(pools.rows).toHaveLength(adamIds.length);
  for (const { adam_id, ...pool } of pools.rows) {
    const assigned = truth.assets.find((asset) => asset.adamId === adam_id)!.assigned;
    expect({ adam_id, assigned, ...pool }).toEqual({
      adam_id,
      assigned: serialNumbers.length,
      held: assigned,
      reserved: 0,
      ledger: assigned,
      open: 0,
    });
  }
}

/** Every assignment that Apple has is a confirmed license here, and nothing else is; the pools agree. */
export async function expectSynced({ db, simulator }: Processes): Promise<void> {
  const { assignments, assets } = await simulator.truth(library);
  const key = (row: { adamId: string; pricingParam: string; serialNumber?: string; clientUserId?: string }) =>
    `${row.adamId} ${row.pricingParam} ${row.serialNumber ?? row.clientUserId}`;
  const here = await db.query<{ key: string }>(
    `SELECT adam_id || ' ' || pricing_param || ' ' || coalesce(serial_number, client_user_id) AS key
     FROM license WHERE ended_at IS NULL AND state = 'CONFIRMED'`,
  );
  expect(here.rows.map((row) => row.key).sort()).toEqual(assignments.map(key).sort());
  const pools = await db.query<{ key: string; held: number }>(
    `SELECT adam_id || ' ' || pricing_param AS key, held::int FROM license_pool WHERE reserved = 0`,
  );
  expect(Object.fromEntries(pools.rows.map((pool) => [pool.key, pool.held]))).toEqual(
    Object.fromEntries(assets.map((asset) => [`${asset.adamId} ${asset.pricingParam}`, asset.assigned])),
  );
}

/** The task's events are numbered from 1 without a gap, in the organization's order too; no call of it is open. */
export async function expectWholeHistory({ db }: Processes, taskId: string): Promise<number> {
  const task = rowOf(taskId);
  const { rows } = await db.query<{ seq: number; org_seq: string; state: string }>(
    `SELECT seq::int, org_seq, payload ->> 'state' AS state FROM task_event WHERE task_id = $1 ORDER BY seq`,
    [task],
  );
  expect(rows.map((row) => row.seq)).toEqual(rows.map((_, index) => index + 1));
  const order = rows.map((row) => Number(row.org_seq));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(rows.filter((row) => ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(row.state))).toHaveLength(1);
  const calls = await db.query(
    `SELECT id FROM apple_call WHERE task_id = $1 AND state NOT IN ('SETTLED', 'REJECTED')`,
    [task],
  );
  expect(calls.rows).toEqual([]);
  return rows.length;
}

/** How many jobs are held: by anybody or by the worker with this pool id, of any name or of this one. */
export async function lockedJobs(
  { db }: Processes,
  { poolId, name }: { poolId?: unknown; name?: JobName } = {},
): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int FROM graphile_worker.jobs
     WHERE locked_by = coalesce($1, locked_by) AND task_identifier = coalesce($2, task_identifier)`,
    [poolId ?? null, name ?? null],
  );
  return rows[0]!.count;
}

/**
 * How many jobs wait or run. A job that a newer one of its key replaced while it ran is out of attempts, and no more than a
 * trace; one for another day, as the reading at the end of a period of seats, is nothing that anybody waits for.
 */
export async function liveJobs({ db }: Processes): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int FROM graphile_worker.jobs
     WHERE (attempts < max_attempts AND run_at < now() + interval '1 day') OR locked_by IS NOT NULL`,
  );
  return rows[0]!.count;
}

export { library };
