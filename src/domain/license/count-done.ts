import { ids, sql, type Tx } from '../../db/transaction.ts';
import type { Moved } from './transition.ts';

/** Counts moved licenses for the tasks that asked for them; gives the ids of those tasks. Their rows are locked already. */
export async function countFor(
  tx: Tx,
  organizationId: bigint,
  moved: Moved,
  whose: 'taskId' | 'revokeTaskId',
  how: 'completed' | 'failed',
): Promise<bigint[]> {
  const totals = new Map<bigint, number>();
  for (const group of moved.groups) {
    const taskId = group[whose];
    if (taskId !== null) totals.set(taskId, (totals.get(taskId) ?? 0) + group.count);
  }
  if (totals.size === 0) return [];
  const column = how === 'completed' ? sql`completed = t.completed + d.n` : sql`failed = t.failed + d.n`;
  await tx.$executeRaw(sql`
    UPDATE task t SET ${column}, dirty = true
    FROM unnest(${ids([...totals.keys()])}, ${[...totals.values()]}::int[]) AS d(id, n)
    WHERE t.organization_id = ${organizationId} AND t.id = d.id`);
  return [...totals.keys()];
}
