/** Cursors of a task's events: opaque to clients, and of no use with another task. @module */
import type { Tx } from '../../db/transaction.ts';
import { sql } from '../../db/transaction.ts';
import { CursorInvalidError, NotFoundError } from '../errors.ts';

/** The place behind event number `seq` of a task. */
export function writeCursor(taskId: bigint, seq: bigint): string {
  return Buffer.from(`${taskId}:${seq}`).toString('base64url');
}

/**
 * The number of the last event that the holder of `cursor` has seen.
 *
 * @throws {CursorInvalidError} when it was not made by {@link writeCursor} for this task
 */
export function readCursor(cursor: string, taskId: bigint): bigint {
  const match = /^(\d{1,19}):(\d{1,19})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match) throw new CursorInvalidError('MALFORMED');
  const [owner, seq] = [BigInt(match[1]!), BigInt(match[2]!)];
  if (writeCursor(owner, seq) !== cursor) throw new CursorInvalidError('MALFORMED');
  if (owner !== taskId) throw new CursorInvalidError('OTHER_TASK');
  return seq;
}

/** A task, and where its reader stopped. */
export interface CursorQuery {
  organizationId: bigint;
  taskId: bigint;
  after: string | null;
}

/**
 * Checks, before a stream is opened, what would make its first read fail.
 *
 * @throws {NotFoundError} when the organization has no such task
 * @throws {CursorInvalidError} when the cursor is not one of this task
 */
export async function checkCursor(tx: Pick<Tx, '$queryRaw'>, query: CursorQuery): Promise<void> {
  const seq = query.after === null ? 0n : readCursor(query.after, query.taskId);
  const [task] = await tx.$queryRaw<{ seq: bigint }[]>(sql`
    SELECT seq FROM task WHERE organization_id = ${query.organizationId} AND id = ${query.taskId}`);
  if (!task) throw new NotFoundError('task', [String(query.taskId)]);
  if (seq > task.seq) throw new CursorInvalidError('AHEAD');
}
