import type { Tx } from '../../db/transaction.ts';
import { addProgress } from '../task/change.ts';
import type { Moved } from './transition.ts';

/** Counts moved licenses for the tasks that asked for them; gives the ids of those tasks. */
export async function countFor(tx: Tx, organizationId: bigint, moved: Moved, whose: 'taskId' | 'revokeTaskId', how: 'completed' | 'failed'): Promise<bigint[]> {
  const totals = new Map<bigint, number>();
  for (const group of moved.groups) {
    const taskId = group[whose];
    if (taskId !== null) totals.set(taskId, (totals.get(taskId) ?? 0) + group.count);
  }
  for (const [taskId, count] of totals) await addProgress(tx, { organizationId, taskId }, { [how]: count });
  return [...totals.keys()];
}
