import { sql, type Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import type { Context } from '../context.ts';
import { TaskNotRetryableError } from '../errors.ts';
import { startSeatAssignment } from './assign.ts';
import { maxPairs } from './input.ts';
import { startSeatRemoval } from './remove.ts';

const none = 'No seat of the task can be tried again. Nothing was started.';

/** Tries the failed seats of a task again. */
export async function retrySeats(context: Context, tx: Tx, task: Task): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const failed = await tx.$queryRaw<{ subscriptionId: bigint; userId: bigint; seatId: bigint | null }[]>(sql`
    SELECT DISTINCT seat_subscription_id AS "subscriptionId", vpp_user_id AS "userId", seat_id AS "seatId" FROM task_failure
    WHERE organization_id = ${task.organizationId} AND task_id = ${task.id} AND seat_subscription_id > 0
      AND code NOT IN ('SEAT_ALREADY_ASSIGNED', 'SEAT_NOT_ASSIGNED') LIMIT ${maxPairs}`);
  if (failed.length === 0) throw new TaskNotRetryableError(none);
  const request = task.request as { renewing?: boolean; deferred?: boolean };
  if (task.kind === 'REMOVE_SEATS') {
    const seatIds = failed.flatMap(({ seatId }) => seatId ?? []);
    if (seatIds.length === 0) throw new TaskNotRetryableError(none);
    const target = { seatIds, holders: null };
    return startSeatRemoval(
      context,
      tx,
      { target, deferred: request.deferred ?? false, onError: 'SKIP_FAILED' },
      task.id,
    );
  }
  const again = {
    subscriptionIds: [...new Set(failed.map(({ subscriptionId }) => subscriptionId))],
    vppUserIds: [...new Set(failed.map(({ userId }) => userId))],
    renewing: request.renewing ?? true,
    onError: 'SKIP_FAILED' as const,
  };
  const only = new Set(failed.map(({ subscriptionId, userId }) => `${subscriptionId}:${userId}`));
  return startSeatAssignment(context, tx, again, { retryOf: task.id, only });
}
