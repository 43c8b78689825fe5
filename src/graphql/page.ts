/** Pages of lists: from Relay's arguments to a window, and from rows to a connection. @module */
import { InvalidInputError } from '../domain/errors.ts';
import type { IdWindow } from '../domain/id-window.ts';
import { bareId } from './ids.ts';

/** Relay's arguments. One of `first` and `last` is given: the limits see to it. */
export interface PageArguments {
  first?: number | null | undefined;
  last?: number | null | undefined;
  after?: string | null | undefined;
  before?: string | null | undefined;
}

/** Which part of a list is shown; `limit` is one more than a page, to see whether more follows. */
export interface Window<Place> {
  after: Place | null;
  before: Place | null;
  limit: number;
  fromEnd: boolean;
}

/** The window that the arguments ask for; `read` makes a place of a cursor, or null of a text that is none. */
export function windowOf<Place>(args: PageArguments, read: (cursor: string) => Place | null): Window<Place> {
  const place = (argument: 'after' | 'before') => {
    const cursor = args[argument];
    if (cursor === null || cursor === undefined) return null;
    const found = read(cursor);
    if (found === null) throw new InvalidInputError([{ path: [argument], message: 'must be a cursor of this list' }]);
    return found;
  };
  return {
    after: place('after'),
    before: place('before'),
    limit: (args.first ?? args.last ?? 0) + 1,
    fromEnd: typeof args.first !== 'number',
  };
}

/** The window of a list that is ordered by id. */
export function idWindowOf(args: PageArguments): IdWindow {
  return windowOf(args, readIdCursor);
}

const idPrefix = 'id:';

/** The cursor of a row in a list that is ordered by id. */
export function idCursor(row: { id: bigint }): string {
  return Buffer.from(`${idPrefix}${row.id}`).toString('base64url');
}

function readIdCursor(cursor: string): bigint | null {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  return text.startsWith(idPrefix) ? bareId(text.slice(idPrefix.length)) : null;
}

/** A row and where it stands; the cursor is made when it is asked for. */
class Edge<Row> {
  readonly node: Row;
  readonly #cursorOf: (row: Row) => string;
  constructor(node: Row, cursorOf: (row: Row) => string) {
    this.node = node;
    this.#cursorOf = cursorOf;
  }
  get cursor(): string {
    return this.#cursorOf(this.node);
  }
}

/** The connection of the rows that a window found. */
export function pageOf<Row>(found: readonly Row[], window: Window<unknown>, cursorOf: (row: Row) => string) {
  const more = found.length >= window.limit;
  const rows = !more ? found : window.fromEnd ? found.slice(1) : found.slice(0, -1);
  const edges = rows.map((row) => new Edge(row, cursorOf));
  return {
    edges,
    pageInfo: {
      hasNextPage: window.fromEnd ? window.before !== null : more,
      hasPreviousPage: window.fromEnd ? more : window.after !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
