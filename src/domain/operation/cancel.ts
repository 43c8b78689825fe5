/** Cancels what devices were not told of. @module */
import { sql, type Tx } from '../../db/transaction.ts';
import { endOpen } from '../command/settle.ts';
import type { Context } from '../context.ts';
import { advanceOperations } from './advance.ts';
import { causes } from './cause.ts';
import { wasTold } from './row.ts';
import { moveOperations } from './transition.ts';
import { wakeDriver } from './wake.ts';

/**
 * Cancels the operations of the task that no device was told of, and their commands that have not left. What a device was
 * told can't be called back: it runs its course, and is not tried again. The connection is locked, so that
 * nothing is sent meanwhile; the task is locked, too, and its cancelling is noted.
 */
export async function cancelOperations(context: Context, tx: Tx, taskId: bigint): Promise<void> {
  const { organizationId } = context.actor;
  const open = sql`organization_id = ${organizationId} AND task_id = ${taskId} AND ended_at IS NULL`;
  const some = await tx.$queryRaw<unknown[]>(sql`SELECT 1 FROM app_operation WHERE ${open} LIMIT 1`);
  if (some.length === 0) return;
  const mine = sql`EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = c.organization_id AND o.id = c.operation_id
    AND o.task_id = ${taskId} AND o.ended_at IS NULL)`;
  const ended = await endOpen(context, tx, sql`c.state = 'PLANNED' AND ${mine}`, () => 'CANCELLED');
  await advanceOperations(context, tx, ended);
  const waiting = await tx.$queryRaw<{ id: bigint; told: boolean }[]>(sql`
    SELECT o.id, ${wasTold} AS told FROM app_operation o WHERE ${open}
      AND state IN ('WAITING_FOR_LICENSE', 'READY', 'PROPAGATING')`);
  const moves = waiting.map(({ id, told }) => ({
    id,
    step: 'CANCEL' as const,
    cause: told ? causes.cancelledAgain : causes.cancelled,
  }));
  await moveOperations(tx, organizationId, moves, context.clock.now());
  await wakeDriver(tx, organizationId);
}

/** How many operations of the task devices were told of and work on. */
export async function countToldOperations(context: Pick<Context, 'actor' | 'prisma'>, taskId: bigint): Promise<number> {
  const [row] = await context.prisma.$queryRaw<{ count: number }[]>(sql`
    SELECT count(*)::int AS count FROM app_operation WHERE organization_id = ${context.actor.organizationId} AND task_id = ${taskId}
      AND ended_at IS NULL AND state IN ('SENT', 'INSTALLING', 'PROMPTING')`);
  return row!.count;
}
