import { ids, sql, type Tx } from '../../db/transaction.ts';

/** Whose items count, and how. */
type Groups<Whose extends string> = readonly (Record<Whose, bigint | null> & { count: number })[];

/**
 * Counts moved licenses or seats for the tasks that asked for them or took them back; gives the ids of those tasks. Their
 * rows are locked already. Tasks of operations on apps count those, and no license beside them. `unfinished`: only tasks that are not over, where the items may belong to earlier ones.
 */
export async function countFor<Whose extends string>(
  tx: Tx,
  organizationId: bigint,
  moved: { groups: Groups<NoInfer<Whose>> },
  whose: Whose,
  how: 'completed' | 'failed',
  { unfinished = false } = {},
): Promise<bigint[]> {
  const totals = new Map<bigint, number>();
  for (const group of moved.groups) {
    const taskId = group[whose];
    if (taskId !== null) totals.set(taskId, (totals.get(taskId) ?? 0) + group.count);
  }
  if (totals.size === 0) return [];
  const column = how === 'completed' ? sql`completed = t.completed + d.n` : sql`failed = t.failed + d.n`;
  const open = unfinished ? sql`AND t.state IN ('QUEUED', 'RUNNING', 'WAITING')` : sql``;
  await tx.$executeRaw(sql`
    UPDATE task t SET ${column}, dirty = true
    FROM unnest(${ids([...totals.keys()])}, ${[...totals.values()]}::int[]) AS d(id, n)
    WHERE t.organization_id = ${organizationId} AND t.id = d.id AND t.kind NOT IN ('INSTALL', 'UPDATE', 'REMOVE_APPS') ${open}`);
  return [...totals.keys()];
}
