/** Pages of licenses. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { type LicenseParts, type LicenseWithParts, readLicenseRows } from './row.ts';

/** Which licenses. */
export interface LicenseFilter {
  organizationId: bigint;
  appId: bigint | null;
  tokenId: bigint | null;
  deviceId: bigint | null;
  serialNumber: string | null;
  /** Null lists those that have not ended. */
  states: readonly string[] | null;
  sources: readonly string[] | null;
}

/** A page of licenses, oldest first. */
export async function listLicenses(
  reader: Rows,
  filter: LicenseFilter,
  window: IdWindow,
  parts: LicenseParts,
): Promise<LicenseWithParts[]> {
  // The page first: what is read along is for its rows only.
  const page = sql`(SELECT l.* FROM license l WHERE ${matches(filter)} ${idWindow(window, sql`l.id`)} ${idOrder(window, sql`l.id`)}) l`;
  return readLicenseRows(reader, parts, { source: page, rest: sql`ORDER BY l.id` });
}

/** How many licenses there are. */
export async function countLicenses(reader: Rows, filter: LicenseFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM license l WHERE ${matches(filter)}`,
  );
  return row!.count;
}

function matches(filter: LicenseFilter): Sql {
  const { appId, tokenId, deviceId, serialNumber, states, sources } = filter;
  return sql`l.organization_id = ${filter.organizationId}
    ${appId === null ? nothing : sql`AND l.app_id = ${appId}`}
    ${tokenId === null ? nothing : sql`AND l.token_id = ${tokenId}`}
    ${deviceId === null ? nothing : sql`AND l.device_id = ${deviceId}`}
    ${serialNumber === null ? nothing : sql`AND l.device_id = ${deviceOf(filter.organizationId, serialNumber)}`}
    AND ${states === null ? sql`l.ended_at IS NULL` : inStates(states)}
    ${sources === null ? nothing : sql`AND l.source = ANY (${texts(sources)}::"LicenseSource"[])`}`;
}

/** Devices have an index of their licenses, serial numbers have not. */
const deviceOf = (organizationId: bigint, serialNumber: string) =>
  sql`(SELECT d.id FROM device d WHERE d.organization_id = ${organizationId} AND d.serial_number = ${serialNumber})`;

const ended = new Set(['REVOKED', 'FAILED', 'GONE_AT_APPLE', 'TOKEN_REMOVED']);

/** What is live and what has ended stand in indexes of their own, so each part says which it is. */
function inStates(states: readonly string[]): Sql {
  const among = (some: readonly string[]) => sql`l.state = ANY (${texts(some)}::"LicenseState"[])`;
  const live = sql`(l.ended_at IS NULL AND ${among(states.filter((state) => !ended.has(state)))})`;
  const over = sql`(l.ended_at IS NOT NULL AND ${among(states.filter((state) => ended.has(state)))})`;
  if (states.every((state) => ended.has(state))) return over;
  return states.some((state) => ended.has(state)) ? sql`(${live} OR ${over})` : live;
}

/** Whose live licenses. */
export interface LicenseOwners {
  organizationId: bigint;
  /** What `ownerIds` are ids of. */
  kind: 'app' | 'device';
  ownerIds: readonly bigint[];
  /** Only those of this token. */
  tokenId: bigint | null;
}

/** The same page of the live licenses of each owner, in one statement. */
export async function listLicensesOf(
  reader: Rows,
  { organizationId, kind, ownerIds, tokenId }: LicenseOwners,
  window: IdWindow,
  parts: LicenseParts,
): Promise<Map<bigint, LicenseWithParts[]>> {
  const owner = kind === 'app' ? sql`n.app_id` : sql`n.device_id`;
  const source = sql`unnest(${ids(ownerIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM license n
      WHERE n.organization_id = ${organizationId} AND ${owner} = o.id AND n.ended_at IS NULL
        ${tokenId === null ? nothing : sql`AND n.token_id = ${tokenId}`} ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) l`;
  const rows = await readLicenseRows<{ ownerId: bigint }>(reader, parts, {
    source,
    extra: sql`o.id AS "ownerId"`,
    rest: sql`ORDER BY l.id`,
  });
  return groupByOwner(rows);
}

function groupByOwner<Row extends { ownerId: bigint }>(rows: Row[]): Map<bigint, Row[]> {
  const groups = new Map<bigint, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.ownerId);
    if (group) group.push(row);
    else groups.set(row.ownerId, [row]);
  }
  return groups;
}

/** How many live licenses each owner has; absent for none. */
export async function countLicensesOf(
  reader: Rows,
  { organizationId, kind, ownerIds, tokenId }: LicenseOwners,
): Promise<Map<bigint, bigint>> {
  const owner = kind === 'app' ? sql`l.app_id` : sql`l.device_id`;
  const rows = await reader.rows<{ ownerId: bigint; count: bigint }>(sql`
    SELECT ${owner} AS "ownerId", count(*) AS count FROM license l
    WHERE l.organization_id = ${organizationId} AND ${owner} = ANY (${ids(ownerIds)}) AND l.ended_at IS NULL
      ${tokenId === null ? nothing : sql`AND l.token_id = ${tokenId}`}
    GROUP BY 1`);
  return new Map(rows.map(({ ownerId, count }) => [ownerId, count]));
}
