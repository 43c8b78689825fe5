/** Pages of lists that are ordered by id. @module */
import { nothing, type Sql, sql } from '../db/transaction.ts';

/** Which part of a list. */
export interface IdWindow {
  /** Only behind this id. */
  after: bigint | null;
  /** Only before this one. */
  before: bigint | null;
  /** How many rows. */
  limit: number;
  /** Take them from the end; they still come in order. */
  fromEnd: boolean;
}

/** The conditions, to stand behind others. */
export function idWindow({ after, before }: IdWindow, id: Sql): Sql {
  return sql`${after === null ? nothing : sql`AND ${id} > ${after}`} ${before === null ? nothing : sql`AND ${id} < ${before}`}`;
}

/** ORDER BY and LIMIT. */
export function idOrder({ fromEnd, limit }: IdWindow, id: Sql): Sql {
  return sql`ORDER BY ${id} ${fromEnd ? sql`DESC` : sql`ASC`} LIMIT ${limit}`;
}

/** Rows that were taken from the end, in order again. */
export function inOrder<Row>(rows: Row[], window: Pick<IdWindow, 'fromEnd'>): Row[] {
  return window.fromEnd ? rows.reverse() : rows;
}
