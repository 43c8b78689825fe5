/**
 * Tasks as other rows name them. What a query selects of them is passed on untyped: its type nests through all relations,
 * deeper than the compiler compares.
 * @module
 */
import type { Task } from '../generated/prisma/client.ts';
import type { GraphQLContext } from './context.ts';
import { nodeKey } from './ids.ts';

type Reader = Pick<GraphQLContext, 'db' | 'actor'>;

/** The task with this id, if there is one. */
export function taskOf(query: object, taskId: bigint | null | undefined, reader: Reader): Promise<Task | null> | null {
  if (taskId == null) return null;
  return reader.db.task.findUnique({ ...query, where: nodeKey(reader.actor.organizationId, taskId) });
}

/** How many of these tasks there are. */
export const countTasks = (taskIds: readonly string[], { db }: Reader): Promise<number> =>
  db.task.count({ where: { id: { in: taskIds.map(BigInt) } } });

/** A page of the tasks with these ids, oldest first. */
export function tasksOf(query: object, taskIds: readonly string[], { db }: Reader): Promise<Task[]> {
  return db.task.findMany({ ...query, where: { id: { in: taskIds.map(BigInt) } }, orderBy: { id: 'asc' } });
}

/** The task with this id, which is there. */
export function sureTaskOf(query: object, taskId: bigint, { db, actor }: Reader): Promise<Task> {
  return db.task.findUniqueOrThrow({ ...query, where: nodeKey(actor.organizationId, taskId) });
}
