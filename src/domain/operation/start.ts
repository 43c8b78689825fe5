import type { Tx } from '../../db/transaction.ts';
import type { AppOperationKind } from '../../generated/prisma/enums.ts';
import type { Context } from '../context.ts';

/** One app on one device. */
export interface NewOperation {
  deviceId: bigint;
  appId: bigint;
  /** The license that it needs, or that is to go back. */
  licenseId?: bigint | null;
  /** An install that fails, or a removal that is done, gives the license back. */
  releaseLicense?: boolean;
  /** External version id that an update is to bring. */
  targetVersion?: string | null;
  /** WAITING_FOR_LICENSE sends nothing before the license allows it; READY when absent. */
  state?: 'WAITING_FOR_LICENSE' | 'READY';
  /** When it may be sent; at once when absent. */
  dueAt?: Date;
  /** Nothing is sent for it from here on: unsent, it is CANCELLED with the cause WINDOW_CLOSED. The window of an update. */
  notAfter?: Date;
}

/**
 * Starts operations of a task. Pairs that have an open operation already are passed over; gives the pairs that were
 * started. Asks for `drive-devices`. Counts and end of an UPDATE task are the affair of `src/domain/update`, which reads
 * what its operations came to.
 */
export async function startOperations(
  _context: Context,
  _tx: Tx,
  _of: { kind: AppOperationKind; taskId: bigint },
  _items: readonly NewOperation[],
): Promise<{ id: bigint; deviceId: bigint; appId: bigint }[]> {
  return [];
}

/** Something about the devices changed (enrolled, gone, answered): their waiting operations are looked at now. */
export async function wakeOperations(_context: Context, _tx: Tx, _deviceIds: readonly bigint[]): Promise<void> {}
