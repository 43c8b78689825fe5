/** A page of apps in an order that only SQL can make, with rows that Prisma loads. @module */
import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import { type AppFilter, type AppOrder, type AppPlace, type AppWindow, listApps } from '../domain/app/list.ts';
import { InvalidInputError } from '../domain/errors.ts';
import type { App } from '../generated/prisma/client.ts';
import type { GraphQLContext } from './context.ts';
import { bareId } from './ids.ts';

/** An app of a list; with `countsTokenId` its counts are those of one token. */
export type ListedApp = App & { countsTokenId: bigint | null };

interface PageArguments {
  first?: number | null | undefined;
  last?: number | null | undefined;
  after?: string | null | undefined;
  before?: string | null | undefined;
}

/** Loads one page. */
export async function appPage(
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  filter: AppFilter,
  order: AppOrder,
  args: PageArguments,
) {
  const window = windowOf(args);
  const found = await listApps(context.domain.prisma, filter, order, { ...window, limit: window.limit + 1 });
  const more = found.length > window.limit;
  const places = window.fromEnd ? found.slice(more ? 1 : 0) : found.slice(0, window.limit);
  const rows = await loadRows(context, info, places);
  const edges = places.flatMap((place) => {
    const row = rows.get(place.id);
    return row ? [{ cursor: writePlace(place), node: { ...row, countsTokenId: filter.tokenId } }] : [];
  });
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

async function loadRows(
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  places: AppPlace[],
): Promise<Map<bigint, App>> {
  const query = queryFromInfo({ context, info, typeName: 'App', select: { id: true }, paths: [['edges', 'node']] });
  const rows = await context.db.app.findMany({ ...query, where: { id: { in: places.map((place) => place.id) } } });
  return new Map(rows.map((row) => [row.id, row as App]));
}

function windowOf({ first, last, after, before }: PageArguments): AppWindow {
  return {
    after: readPlace(after, 'after'),
    before: readPlace(before, 'before'),
    limit: first ?? last ?? 0,
    fromEnd: typeof first !== 'number',
  };
}

function writePlace({ key, id }: AppPlace): string {
  return Buffer.from(JSON.stringify([key, String(id)])).toString('base64url');
}

function readPlace(cursor: string | null | undefined, argument: string): AppPlace | null {
  if (cursor === null || cursor === undefined) return null;
  const [key, id] = parsePair(Buffer.from(cursor, 'base64url').toString('utf8'));
  const place = typeof key === 'string' && typeof id === 'string' ? bareId(id) : null;
  if (place === null) throw new InvalidInputError([{ path: [argument], message: 'must be a cursor of this list' }]);
  return { key: key as string, id: place };
}

function parsePair(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
