/** The apps that a holder may see, page by page. @module */
import { nothing, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import type { AppStatus, LicenseState, ProductType } from '../../generated/prisma/enums.ts';
import { isAdmitted } from '../app/gate.ts';
import type { AppPlace, AppWindow } from '../app/list.ts';
import { platformsOf, storePlatformOf } from '../device/eligibility.ts';
import type { Holder } from './holder.ts';

/** What the store can be ordered by. */
export type StoreOrderField = 'NAME' | 'FIRST_SEEN';

/** Which apps, and in which order. */
export interface StoreFilter {
  organizationId: bigint;
  holder: Holder;
  /** Part of the name or of its maker's, whatever the case. */
  search: string | null;
  /** Only these. */
  appIds?: readonly bigint[];
}

/** An app as its holder sees it, as far as it stands in rows. */
export interface StoreRow {
  id: bigint;
  productType: ProductType;
  status: AppStatus;
  name: string | null;
  artistName: string | null;
  iconUrl: string | null;
  version: string | null;
  minimumOsVersion: string | null;
  firstSeenAt: Date;
  /** Null when the holder has no license. */
  licenseState: LicenseState | null;
  /** Null where nobody knows. */
  installed: boolean | null;
  installedVersion: string | null;
  key: string;
}

/** One page, in order. */
export async function listStore(
  tx: Tx,
  filter: StoreFilter,
  order: { field: StoreOrderField; descending: boolean },
  window: AppWindow,
): Promise<StoreRow[]> {
  const behind = order.descending ? sql`<` : sql`>`;
  const ahead = order.descending ? sql`>` : sql`<`;
  const direction = order.descending === window.fromEnd ? sql`ASC` : sql`DESC`;
  const bound = (place: AppPlace | null, side: Sql) =>
    place === null ? nothing : sql`AND (s.key, s.id) ${side} (${place.key}::text, ${place.id}::bigint)`;
  const key =
    order.field === 'NAME'
      ? sql`lower(coalesce(a.name, ''))`
      : sql`lpad((extract(epoch FROM a.first_seen_at) * 1000)::bigint::text, 20, '0')`;
  const rows = await tx.$queryRaw<StoreRow[]>(sql`
    SELECT s.* FROM (SELECT a.id, a.product_type::text AS "productType", a.status::text AS status, a.name, a.artist_name AS "artistName",
        a.icon_url AS "iconUrl", a.version, a.minimum_os_version AS "minimumOsVersion", a.first_seen_at AS "firstSeenAt",
        ${key} AS key, l.state::text AS "licenseState", ${installedOf(filter)} ${sourceOf(filter)}) s
    WHERE true ${bound(window.after, behind)} ${bound(window.before, ahead)} ORDER BY s.key ${direction}, s.id ${direction} LIMIT ${window.limit}`);
  return window.fromEnd ? rows.reverse() : rows;
}

/** How many there are. */
export async function countStore(tx: Tx, filter: StoreFilter): Promise<bigint> {
  const [row] = await tx.$queryRaw<{ count: bigint }[]>(sql`SELECT count(*) AS count ${sourceOf(filter)}`);
  return row!.count;
}

function installedOf({ holder }: StoreFilter): Sql {
  if (holder.kind === 'USER') return sql`NULL::boolean AS installed, NULL::text AS "installedVersion"`;
  return sql`CASE WHEN i.device_id IS NOT NULL THEN NOT i.installing
      WHEN EXISTS (SELECT 1 FROM enrollment e WHERE e.organization_id = a.organization_id AND e.device_id = d.id AND e.listed_at IS NOT NULL AND e.state <> 'GONE')
      THEN false END AS installed, i.short_version AS "installedVersion"`;
}

/** App `a`, what the holder has of it, and the conditions under which it is seen: what is held is always seen. */
function sourceOf(filter: StoreFilter): Sql {
  const { organizationId, holder, search } = filter;
  const mine = holder.kind === 'DEVICE' ? sql`h.device_id = ${holder.id}` : sql`h.vpp_user_id = ${holder.id}`;
  const license = sql`LEFT JOIN LATERAL (SELECT h.state FROM license h WHERE h.organization_id = a.organization_id AND h.app_id = a.id
      AND ${mine} AND h.ended_at IS NULL ORDER BY h.id LIMIT 1) l ON true`;
  const only = sql`a.organization_id = ${organizationId}
    ${filter.appIds ? sql`AND a.id = ANY (${filter.appIds.map(String)}::bigint[])` : nothing}
    ${search === null ? nothing : sql`AND (a.name ILIKE ${pattern(search)} OR a.artist_name ILIKE ${pattern(search)})`}`;
  if (holder.kind === 'USER') {
    return sql`FROM app a ${license} WHERE ${only} AND (l.state IS NOT NULL OR (a.status = 'RELEASE'
      AND EXISTS (SELECT 1 FROM ${pools} AND p.token_id = ${holder.tokenId})))`;
  }
  return sql`FROM app a JOIN device d ON d.organization_id = a.organization_id AND d.id = ${holder.id} ${license}
    LEFT JOIN LATERAL (SELECT o.* FROM installed_app o WHERE o.organization_id = a.organization_id AND o.device_id = d.id AND o.app_id = a.id
      ORDER BY o.installing LIMIT 1) i ON true
    WHERE ${only} AND (l.state IS NOT NULL OR (a.product_type = 'APP' AND ${isAdmitted} AND ${runs(holder)}))`;
}

/** Some token has the app for the device's platform, and its system is not too old for every version of it. Unknown is seen. */
function runs({ family, osVersion }: Extract<Holder, { kind: 'DEVICE' }>): Sql {
  const platforms = platformsOf(family);
  const fitting =
    platforms === null
      ? nothing
      : sql`AND (p.supported_platforms = '{}' OR p.supported_platforms && ${texts([...platforms])})`;
  const needed = sql`(SELECT min(version_numbers(m.minimum_os_version)) FROM app_metadata m
    WHERE m.organization_id = a.organization_id AND m.app_id = a.id AND m.platform = ${storePlatformOf(family)})`;
  return sql`EXISTS (SELECT 1 FROM ${pools} ${fitting}) AND coalesce(version_numbers(${osVersion}::text) >= ${needed}, true)`;
}

/** Pools of app `a` that are there, as a FROM and WHERE that can be narrowed. */
const pools = sql`license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id
  WHERE p.organization_id = a.organization_id AND p.app_id = a.id AND p.gone_at IS NULL AND t.removed_at IS NULL`;

const pattern = (search: string) => `%${search.replace(/[\\%_]/g, '\\$&')}%`;
