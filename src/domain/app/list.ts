/** The organization's apps in an order of the reader's choice, page by page. @module */
import type { Rows } from '../../db/rows.ts';
import { nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import { type AppCounts, countsJson, countsOfJson } from './counts.ts';
import { type AppRow, appShape } from './row.ts';

/** What a list of apps can be ordered by. Equal ones follow in the order in which they were first seen. */
export type AppOrderField = 'NAME' | 'ADAM_ID' | 'STATUS' | 'AVAILABLE' | 'USED';

/** Which apps. */
export interface AppFilter {
  organizationId: bigint;
  /** Only apps that this token holds, with the counts of this token. */
  tokenId: bigint | null;
  /** Part of the name or bundle id, whatever the case, or the whole adamId. */
  search: string | null;
  statuses: readonly string[] | null;
  deviceAssignable: boolean | null;
}

/** In which order. */
export interface AppOrder {
  field: AppOrderField;
  descending: boolean;
}

/** A place in the order. */
export interface AppPlace {
  key: string;
  id: bigint;
}

/** Which part of the order. */
export interface AppWindow {
  after: AppPlace | null;
  before: AppPlace | null;
  /** How many places. */
  limit: number;
  /** Take them from the end; they still come in order. */
  fromEnd: boolean;
}

/** An app of a list. */
export interface ListedApp extends AppRow {
  /** Where it stands in the order. */
  key: string;
  /** The one token whose seats its counts are of; null when all are counted. */
  countsTokenId: bigint | null;
  /** Absent unless asked for. */
  counts?: AppCounts;
}

/** One page, in order; with the counts where they are wanted. */
export async function listApps(
  reader: Rows,
  filter: AppFilter,
  order: AppOrder,
  window: AppWindow,
  withCounts = false,
): Promise<ListedApp[]> {
  const behind = order.descending ? sql`<` : sql`>`;
  const ahead = order.descending ? sql`>` : sql`<`;
  const direction = order.descending === window.fromEnd ? sql`ASC` : sql`DESC`;
  const type = bySeats(order) ? sql`numeric` : sql`text`;
  const bound = (place: AppPlace | null, side: Sql) =>
    place === null ? nothing : sql`AND (key, id) ${side} (${place.key}::${type}, ${place.id})`;
  const counts = withCounts ? sql`, ${countsJson(filter.organizationId, filter.tokenId)} AS counts` : nothing;
  const rows = await reader.rows<AppRow & { key: string; counts?: object | null }>(sql`
    WITH listed AS (SELECT a.id, ${sortKey(order.field)} AS key FROM app a ${bySeats(order) ? seats(filter) : nothing} WHERE ${matches(filter)}),
    page AS (
      SELECT id, key FROM listed WHERE true ${bound(window.after, behind)} ${bound(window.before, ahead)}
      ORDER BY listed.key ${direction}, id ${direction} LIMIT ${window.limit}
    )
    SELECT ${appShape.columns}, page.key::text AS key ${counts}
    FROM page JOIN app a ON a.organization_id = ${filter.organizationId} AND a.id = page.id
    ORDER BY page.key ${direction}, a.id ${direction}`);
  const listed = rows.map((row) => listedApp(row, filter.tokenId, withCounts));
  return window.fromEnd ? listed.reverse() : listed;
}

const bySeats = ({ field }: AppOrder) => field === 'AVAILABLE' || field === 'USED';

function listedApp(
  { counts, ...app }: AppRow & { key: string; counts?: object | null },
  tokenId: bigint | null,
  withCounts: boolean,
): ListedApp {
  const shown = withCounts ? { counts: countsOfJson(app.id, tokenId, counts ?? null) } : {};
  return { ...app, countsTokenId: tokenId, ...shown };
}

/** How many apps there are. */
export async function countListedApps(reader: Rows, filter: AppFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(sql`SELECT count(*) AS count FROM app a WHERE ${matches(filter)}`);
  return row!.count;
}

function sortKey(field: AppOrderField): Sql {
  switch (field) {
    case 'NAME':
      return sql`lower(coalesce(a.name, ''))`;
    case 'ADAM_ID':
      return sql`lpad(a.adam_id, 20, '0')`;
    case 'STATUS':
      return sql`CASE a.status WHEN 'DEVELOPMENT' THEN '1' WHEN 'REVIEW' THEN '2' ELSE '3' END`;
    case 'AVAILABLE':
      return sql`coalesce(seats.available, 0)`;
    case 'USED':
      return sql`coalesce(seats.used, 0)`;
  }
}

/** An app with an unlimited pool never runs out, so it stands behind every number. */
function seats(filter: AppFilter): Sql {
  return sql`
    LEFT JOIN LATERAL (
      SELECT CASE WHEN bool_or(p.unlimited) THEN 'Infinity'::numeric
                  ELSE sum(greatest(p.total - p.held - p.reserved, 0)) END AS available,
             sum(p.held + p.reserved) AS used
      FROM ${livePools(filter)}
    ) seats ON true`;
}

function matches(filter: AppFilter): Sql {
  const { tokenId, search, statuses, deviceAssignable } = filter;
  return sql`a.organization_id = ${filter.organizationId}
    ${tokenId === null ? nothing : sql`AND EXISTS (SELECT 1 FROM ${livePools(filter)})`}
    ${statuses === null ? nothing : sql`AND a.status::text = ANY(${texts(statuses)})`}
    ${search === null ? nothing : sql`AND (a.name ILIKE ${pattern(search)} OR a.bundle_id ILIKE ${pattern(search)} OR a.adam_id = ${search})`}
    ${deviceAssignable === null ? nothing : sql`AND ${deviceAssignable} = EXISTS (SELECT 1 FROM ${livePools(filter)} AND p.device_assignable)`}`;
}

/** The pools of app `a`, as a FROM and WHERE that can be narrowed. */
function livePools(filter: AppFilter): Sql {
  return sql`license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id
    WHERE p.organization_id = a.organization_id AND p.app_id = a.id AND t.removed_at IS NULL
    ${filter.tokenId === null ? nothing : sql`AND p.token_id = ${filter.tokenId}`}`;
}

const pattern = (search: string) => `%${search.replace(/[\\%_]/g, '\\$&')}%`;
