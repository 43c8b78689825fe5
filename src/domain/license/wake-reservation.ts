import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';
import type { TaskKey } from '../task/events.ts';

/** Asks a worker to go on with a task's reservation in blocks. */
export async function wakeReservation(tx: Tx, task: TaskKey): Promise<void> {
  const payload = { organizationId: String(task.organizationId), taskId: String(task.taskId) };
  await enqueue(tx, { name: 'reserve-licenses', payload, key: `task:${task.organizationId}:${task.taskId}` });
}
