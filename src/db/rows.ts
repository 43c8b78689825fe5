/** Reading with prepared statements, past the ORM: for the pages that people look at all day. @module */
import type { Pool, QueryConfig } from 'pg';
import pg from 'pg';
import type { Sql } from './transaction.ts';

/** Whatever answers statements with rows. 64-bit numbers come as bigint, moments as Date. */
export interface Rows {
  rows<T extends object>(statement: Sql): Promise<T[]>;
}

const int8 = 20;
const int8Array = 1016;

const types: QueryConfig['types'] = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === int8) return BigInt;
    if (oid === int8Array) throw new TypeError('arrays of 64-bit numbers are not read');
    return pg.types.getTypeParser(oid, format as 'text');
  }) as typeof pg.types.getTypeParser,
};

/** Names of the statements, which the server keeps prepared; there are as many as the code can put together. */
const names = new Map<string, string>();

/** Reads through the pool. The server parses and plans each statement once a connection. */
export function preparedRows(pool: Pick<Pool, 'query'>): Rows {
  return {
    rows: async <T extends object>(statement: Sql) => {
      const { text, values } = statement;
      const name = names.get(text) ?? `russet_${names.size + 1}`;
      names.set(text, name);
      const result = await pool.query<T>({ name, text, values: values as unknown[], types });
      return result.rows;
    },
  };
}
