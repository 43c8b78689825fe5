/** Rows that belong to each of many, as one statement reads them. @module */

/** A row, and whose it is. */
export interface Owned {
  ownerId: bigint;
}

/** The rows of each owner, in the order in which they were read; absent for none. */
export function byOwner<Row extends Owned>(rows: readonly Row[]): Map<bigint, Row[]> {
  const groups = new Map<bigint, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.ownerId);
    if (group) group.push(row);
    else groups.set(row.ownerId, [row]);
  }
  return groups;
}

/** How many each owner has; absent for none. */
export function countsByOwner(rows: readonly (Owned & { count: bigint })[]): Map<bigint, bigint> {
  return new Map(rows.map(({ ownerId, count }) => [ownerId, count]));
}
