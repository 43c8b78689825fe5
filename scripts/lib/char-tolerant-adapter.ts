/**
 * Prisma's adapter can't name the type of PostgreSQL's one-byte `"char"`, which the system tables are full of and the
 * schema engine reads. This one can. @module
 */
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { type Pool, type QueryConfig, type QueryResult, types } from 'pg';

const charType = 18;

/** Which columns of a result are `"char"`, by the rows that both layers hand on. */
type CharColumns = WeakMap<object, number[]>;

/** An adapter factory over `pool`, which it changes: nothing else should use it. */
export class CharTolerantAdapter extends PrismaPg {
  readonly #charColumns: CharColumns = new WeakMap();

  constructor(pool: Pool) {
    super(pool);
    disguise(pool, this.#charColumns);
  }

  override async connect() {
    const adapter = await super.connect();
    const read = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await read(query);
      for (const index of this.#charColumns.get(result.rows) ?? [])
        result.columnTypes[index] = ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  }
}

/** Lets `"char"` columns pass as text, and remembers them. */
function disguise(pool: Pool, charColumns: CharColumns): void {
  const query = pool.query.bind(pool) as (config: QueryConfig) => Promise<QueryResult>;
  const disguised = async (config: QueryConfig) => {
    const result = await query(config);
    const chars = result.fields.flatMap((field, index) => (field.dataTypeID === charType ? [index] : []));
    for (const index of chars) result.fields[index]!.dataTypeID = types.builtins.TEXT;
    charColumns.set(result.rows, chars);
    return result;
  };
  Object.assign(pool, { query: disguised });
}
