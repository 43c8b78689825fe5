import { sql, type Tx } from '../../db/transaction.ts';

/**
 * Keeps how far Apple says it is with a call (`numCompleted`, fact sheet §10), and adds it up for the task. It tells how
 * many, not which, so nothing is settled by it: people see the work move while Apple is at it.
 */
export async function noteReported(
  tx: Tx,
  organizationId: bigint,
  call: { id: bigint; taskId: bigint },
  reported: number,
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET reported = greatest(reported, least(${reported}::int, items) - told) WHERE organization_id = ${organizationId} AND id = ${call.id}`);
  await sumReported(tx, organizationId, call.taskId);
}

/** Notes that `done` items of the call are settled one by one: what Apple reports beside has them too. */
export async function noteTold(
  tx: Tx,
  organizationId: bigint,
  call: { id: bigint; taskId: bigint },
  done: number,
): Promise<void> {
  if (done === 0) return;
  await tx.$executeRaw(sql`
    UPDATE apple_call SET told = told + ${done}::int, reported = greatest(0, reported - ${done}::int)
    WHERE organization_id = ${organizationId} AND id = ${call.id}`);
  await sumReported(tx, organizationId, call.taskId);
}

/** What Apple says of the task's calls that are not settled. */
export async function sumReported(tx: Tx, organizationId: bigint, taskId: bigint): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE task t SET reported = c.sum, dirty = true
    FROM (SELECT coalesce(sum(reported), 0) AS sum FROM apple_call
          WHERE organization_id = ${organizationId} AND task_id = ${taskId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')) c
    WHERE t.organization_id = ${organizationId} AND t.id = ${taskId} AND t.reported <> c.sum`);
}
