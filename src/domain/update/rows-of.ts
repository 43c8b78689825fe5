import type { Rows } from '../../db/rows.ts';
import type { Tx } from '../../db/transaction.ts';

/** Reads inside a transaction. */
export function rowsOf(tx: Tx): Rows {
  return { rows: (statement) => tx.$queryRaw(statement) };
}
