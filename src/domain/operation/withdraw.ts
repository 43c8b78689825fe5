import { ids, sql, type Tx } from '../../db/transaction.ts';
import { endOpen } from '../command/settle.ts';
import type { Context } from '../context.ts';
import { advanceOperations } from './advance.ts';
import type { OperationCause } from './cause.ts';
import { lockConnection } from './lock-connection.ts';
import { lockOperations, moveOperations } from './transition.ts';
import { wakeDriver } from './wake.ts';

/** An operation to be taken back. */
export interface Withdrawn {
  id: bigint;
  /** A license that was taken for it stays. */
  keepsLicense: boolean;
}

/**
 * Takes operations back that no device is at, with their commands that have not left; gives how many. What a device was told
 * runs its course. Their driver counts them for their tasks and gives licenses back.
 */
export async function withdrawOperations(
  context: Context,
  tx: Tx,
  operations: readonly Withdrawn[],
  cause: OperationCause,
): Promise<number> {
  const { organizationId } = context.actor;
  const named = ids(operations.map(({ id }) => id));
  // Whoever sends commands waits until this is done.
  await lockConnection(tx, organizationId);
  const ended = await endOpen(
    context,
    tx,
    sql`c.state = 'PLANNED' AND c.operation_id = ANY (${named})`,
    () => 'CANCELLED',
  );
  await advanceOperations(context, tx, ended);
  await lockOperations(tx, organizationId, sql`o.id = ANY (${named})`);
  const moves = operations.map(({ id }) => ({ id, step: 'CANCEL' as const, cause }));
  const moved = await moveOperations(tx, organizationId, moves, context.clock.now());
  await keepLicenses(tx, organizationId, operations);
  await wakeDriver(tx, organizationId);
  return moved.length;
}

async function keepLicenses(tx: Tx, organizationId: bigint, operations: readonly Withdrawn[]): Promise<void> {
  const keeping = operations.filter(({ keepsLicense }) => keepsLicense).map(({ id }) => id);
  if (keeping.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE app_operation SET release_license = false
    WHERE organization_id = ${organizationId} AND id = ANY (${ids(keeping)}) AND state = 'CANCELLED' AND NOT settled`);
}
