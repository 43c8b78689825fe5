/** Seats of tasks that are cancelled, or that end because their token can't be used. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { neverSent } from '../license/never-sent.ts';
import { countFor } from '../task/count-for.ts';
import type { TokenKey } from '../token/gate.ts';
import { lockSubscriptions, moveSeats } from './transition.ts';

interface Reason {
  code: string;
  message: string;
}

/** Locks the subscriptions of the tasks' seats: before people and licenses, where a task is about them too. */
export function lockSeatsOf(tx: Tx, organizationId: bigint, taskIds: readonly bigint[]): Promise<void> {
  return lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT l.subscription_id FROM seat_assignment l
      WHERE l.organization_id = ${organizationId} AND l.ended_at IS NULL AND (l.task_id = ANY (${ids(taskIds)}) OR l.removal_task_id = ANY (${ids(taskIds)}))`,
  );
}

/** Stops what Apple has not heard of, and counts it. The task is locked already. A removal behind a request is given up. */
export async function stopUnsentSeats(context: Context, tx: Tx, taskId: bigint, reason: Reason): Promise<void> {
  await releaseSeatsBehind(tx, context.actor.organizationId, sql`l.removal_task_id = ${taskId}`, reason);
  await stop(context, tx, [taskId], neverSent, reason, 'CANCEL');
}

/** Ends what the tasks still have under way through the token; gives the tasks that were counted for. */
export async function giveSeatsBack(
  context: Context,
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  taskIds: readonly bigint[],
  reason: Reason,
): Promise<bigint[]> {
  const mine = sql`l.token_id = ${tokenId}`;
  const theirs = sql`(l.task_id = ANY (${ids(taskIds)}) OR l.removal_task_id = ANY (${ids(taskIds)}))`;
  const released = await releaseSeatsBehind(tx, organizationId, sql`${mine} AND ${theirs}`, reason);
  return [...released, ...(await stop(context, tx, taskIds, mine, reason, 'FAIL'))];
}

/**
 * Frees seats that are on their way from the removal that waits behind them: they stay when they arrive. Each counts as a
 * failed item of the removal, whose row is locked already; gives the removals' ids.
 */
async function releaseSeatsBehind(tx: Tx, organizationId: bigint, where: Sql, reason: Reason): Promise<bigint[]> {
  const behind = sql`l.organization_id = ${organizationId} AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')
    AND l.removal_task_id IS NOT NULL AND (${where})`;
  await lockSubscriptions(tx, organizationId, sql`SELECT l.subscription_id FROM seat_assignment l WHERE ${behind}`);
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    WITH before AS MATERIALIZED (
      SELECT l.id, l.removal_task_id FROM seat_assignment l WHERE ${behind} ORDER BY l.id FOR NO KEY UPDATE
    ), freed AS (
      UPDATE seat_assignment l SET removal_task_id = NULL FROM before b WHERE l.organization_id = ${organizationId} AND l.id = b.id
      RETURNING l.id, b.removal_task_id AS task_id, l.subscription_id, l.vpp_user_id, l.client_user_id
    ), told AS (
      INSERT INTO task_failure (organization_id, task_id, code, message, seat_subscription_id, seat_id, vpp_user_id, client_user_id)
      SELECT ${organizationId}, task_id, ${reason.code}, ${reason.message}, subscription_id, id, vpp_user_id, client_user_id FROM freed
    )
    UPDATE task t SET failed = t.failed + d.n, dirty = true
    FROM (SELECT task_id, count(*) AS n FROM freed GROUP BY task_id) d
    WHERE t.organization_id = ${organizationId} AND t.id = d.task_id RETURNING t.id`);
  return rows.map((row) => row.id);
}

async function stop(
  context: Context,
  tx: Tx,
  taskIds: readonly bigint[],
  which: Sql,
  reason: Reason,
  kind: 'CANCEL' | 'FAIL',
): Promise<bigint[]> {
  const { organizationId } = context.actor;
  const common = { organizationId, now: context.clock.now(), actor: context.actor, reason: reason.code };
  const ended = await moveSeats(tx, kind, {
    ...common,
    where: sql`${which} AND l.task_id = ANY (${ids(taskIds)})`,
    failure: { ...reason, of: 'taskId' },
  });
  const kept = await moveSeats(tx, 'KEEP', {
    ...common,
    where: sql`${which} AND l.removal_task_id = ANY (${ids(taskIds)})`,
    failure: { ...reason, of: 'removalTaskId' },
  });
  return [
    ...(await countFor(tx, organizationId, ended, 'taskId', 'failed')),
    ...(await countFor(tx, organizationId, kept, 'removalTaskId', 'failed')),
  ];
}
