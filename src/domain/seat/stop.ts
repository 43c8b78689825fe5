/** Seats of tasks that are cancelled, or that end because their token can't be used. @module */
import { ids, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { countFor } from '../task/count-for.ts';
import type { TokenKey } from '../token/gate.ts';
import { moveSeats } from './transition.ts';

interface Reason {
  code: string;
  message: string;
}

/** Stops what Apple has not heard of, and counts it. The task is locked already. */
export async function stopUnsentSeats(context: Context, tx: Tx, taskId: bigint, reason: Reason): Promise<void> {
  const unsent = sql`l.call_id IS NULL`;
  await stop(context, tx, [taskId], unsent, reason, 'CANCEL');
}

/** Ends what the tasks still have under way through the token; gives the tasks that were counted for. */
export function giveSeatsBack(
  context: Context,
  tx: Tx,
  { tokenId }: TokenKey,
  taskIds: readonly bigint[],
  reason: Reason,
): Promise<bigint[]> {
  return stop(context, tx, taskIds, sql`l.token_id = ${tokenId}`, reason, 'FAIL');
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
