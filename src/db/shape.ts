/** What a kind of row is read from, once: as columns of its own, or as one JSON value inside another row. @module */
import { Prisma } from '../generated/prisma/client.ts';
import type { Sql } from './transaction.ts';

/** How rows of one kind are read. */
export interface Shape<Row> {
  /** For a SELECT list. */
  columns: Sql;
  /** One JSON value that {@link Shape.revive} makes a row of. */
  json: Sql;
  /** The row that a JSON value stands for. */
  revive(json: object): Row;
}

/** A column or expression for each field of a row; those that JSON has no type for are named. */
export interface ShapeOf<Row> {
  fields: Record<keyof Row & string, string>;
  bigints: readonly (keyof Row & string)[];
  moments: readonly (keyof Row & string)[];
}

/** Makes a shape. The expressions are written by us and hold no value of a request. */
export function shape<Row extends object>({ fields, bigints, moments }: ShapeOf<Row>): Shape<Row> {
  const entries = Object.entries<string>(fields);
  const exact = new Set<string>(bigints);
  return {
    columns: Prisma.raw(entries.map(([name, expression]) => `${expression} AS "${name}"`).join(', ')),
    json: Prisma.raw(
      `json_build_object(${entries.map(([name, expression]) => `'${name}', ${expression}${exact.has(name) ? '::text' : ''}`).join(', ')})`,
    ),
    revive: (json) => {
      const row = json as Record<string, unknown>;
      for (const name of bigints) row[name] = row[name] === null ? null : BigInt(row[name] as string);
      for (const name of moments) row[name] = row[name] === null ? null : new Date(row[name] as string);
      return row as Row;
    },
  };
}
