import type { Tx } from '../../db/transaction.ts';
import type { Task } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';

/** The organization's task, or NOT_FOUND. */
export async function findTask(context: Context, db: Tx, taskId: bigint): Promise<Task> {
  const task = await db.task.findUnique({
    where: { organizationId_id: { organizationId: context.actor.organizationId, id: taskId } },
  });
  if (!task) throw new NotFoundError('task', [String(taskId)], ['taskId']);
  return task;
}
