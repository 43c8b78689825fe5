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

/** The list of each owner, all of it or what is in some states. */
export interface OwnedByState<Row, State> {
  page: AskOwner<StateWindow<State>, Row[]>;
  count: AskOwner<States<State>, bigint>;
}

/** Only those in these states; null for all. */
interface States<State> {
  states: readonly State[] | null;
}

/** Which part of a list. */
interface StateWindow<State> extends States<State> {
  window: IdWindow;
}

/** Makes one. Owners that are asked for the same page of the same states are read together. */
export function ownedByState<Row, State>(
  page: (ownerIds: readonly bigint[], window: IdWindow, states: readonly State[] | null) => Promise<Map<bigint, Row[]>>,
  count: (ownerIds: readonly bigint[], states: readonly State[] | null) => Promise<Map<bigint, bigint>>,
): OwnedByState<Row, State> {
  return {
    page: askedAlike((ownerIds, { window, states }) => page(ownerIds, window, states), []),
    count: askedAlike((ownerIds, { states }) => count(ownerIds, states), 0n),
  };
}

/** The connection of what an owner has in some states, ordered by id. */
export async function ownedStatePage<Row extends { id: bigint }, State>(
  list: OwnedByState<Row, State>,
  ownerId: bigint,
  { states: given, ...args }: PageArguments & { states?: readonly State[] | null | undefined },
) {
  const window = idWindowOf(args);
  const states = given ?? null;
  const rows = await list.page(ownerId, { window, states });
  return { ...pageOf(rows, window, idCursor), count: () => list.count(ownerId, { states }) };
}
