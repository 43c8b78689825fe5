/** Lists that each of many objects of one answer has: their pages and lengths, each gathered into one statement. @module */
import type { IdWindow } from '../domain/id-window.ts';
import { type AskOwner, askedAlike } from './asked-alike.ts';
import { idCursor, idWindowOf, type PageArguments, pageOf } from './page.ts';

/** The list of each owner. */
export interface OwnedList<Row, Window = IdWindow> {
  page: AskOwner<Window, Row[]>;
  count(ownerId: bigint): Promise<bigint>;
}

/** Makes one. Owners that are asked for the same page are read together. */
export function ownedList<Row, Window = IdWindow>(
  page: (ownerIds: readonly bigint[], window: Window) => Promise<Map<bigint, Row[]>>,
  count: (ownerIds: readonly bigint[]) => Promise<Map<bigint, bigint>>,
): OwnedList<Row, Window> {
  const counts = askedAlike(count, 0n);
  return { page: askedAlike(page, []), count: (ownerId) => counts(ownerId, null) };
}

/** The connection of an owner's list that is ordered by id. */
export async function ownedPage<Row extends { id: bigint }>(
  list: OwnedList<Row>,
  ownerId: bigint,
  args: PageArguments,
) {
  const window = idWindowOf(args);
  return { ...pageOf(await list.page(ownerId, window), window, idCursor), count: () => list.count(ownerId) };
}
