import { type Sql, sql, type Tx } from '../../db/transaction.ts';

/**
 * Rows of a statement that compares many pairs. The server takes them for few, since it can't know how many apps are
 * deployed to a group, and would look for each in turn, which takes ten times as long: so it may not.
 */
export async function inBulk<Row>(tx: Tx, statement: Sql): Promise<Row[]> {
  await tx.$executeRaw(sql`SET LOCAL enable_nestloop = off`);
  const rows = await tx.$queryRaw<Row[]>(statement);
  await tx.$executeRaw(sql`SET LOCAL enable_nestloop TO DEFAULT`);
  return rows;
}
