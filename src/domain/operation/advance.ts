import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { EndedCommand } from './ended.ts';

/**
 * Moves operations by what their commands came to. Locks operations only: tasks and licenses follow in
 * `dispatchOperations`, so that whoever applies news never waits for them.
 */
export async function advanceOperations(_context: Context, _tx: Tx, _ended: readonly EndedCommand[]): Promise<void> {}
