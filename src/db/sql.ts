/** Statements and their parts. @module */
import { Prisma } from '../generated/prisma/client.ts';

export type { Sql } from '@prisma/client/runtime/client';

/** A running transaction, or the client outside of one: whatever statements can be sent to. */
export type Tx = Prisma.TransactionClient;

/** Builds a statement with its parameters. */
export const sql = Prisma.sql;
/** Joins statement parts with a comma, or another separator. */
export const join = Prisma.join;
/** No statement part at all. */
export const nothing = Prisma.empty;

/** Ids as a typed array parameter of a set-wise statement. */
export function ids(values: readonly bigint[]): Prisma.Sql {
  return sql`${values.map(String)}::text[]::bigint[]`;
}

/** Texts (or nulls) as a typed array parameter of a set-wise statement. */
export function texts(values: readonly (string | null)[]): Prisma.Sql {
  return sql`${values}::text[]`;
}

/** A moment as a typed parameter. */
export function moment(value: Date | null): Prisma.Sql {
  return value === null ? sql`null::timestamptz` : sql`${value.toISOString()}::timestamptz`;
}

/** A value as a jsonb parameter; bigints become strings. */
export function json(value: unknown): Prisma.Sql {
  return sql`${JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? part.toString() : part))}::jsonb`;
}
