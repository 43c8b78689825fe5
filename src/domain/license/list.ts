/** Pages of licenses. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, join, moment, nothing, type Sql, sql, texts } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';
import { type LicenseParts, type LicenseWithParts, readLicenseRows } from './row.ts';

/** Which licenses. */
export interface LicenseFilter {
  organizationId: bigint;
  appId: bigint | null;
  tokenId: bigint | null;
  deviceId: bigint | null;
  vppUserId: bigint | null;
  serialNumber: string | null;
  /** Null lists those that have not ended. */
  states: readonly string[] | null;
  sources: readonly string[] | null;
  /** Those that were held or on their way at this moment; null for now. */
  asOf: Date | null;
}

/** A page of licenses, oldest first. */
export async function listLicenses(
  reader: Rows,
  filter: LicenseFilter,
  window: IdWindow,
  parts: LicenseParts,
): Promise<LicenseWithParts[]> {
  // The page first: what is read along is for its rows only.
  const part = (when: Sql, order = sql`l.id`) =>
    sql`(SELECT l.* FROM license l WHERE ${when} AND ${matches(filter)} ${idWindow(window, sql`l.id`)} ${idOrder(window, order)})`;
  const { asOf } = filter;
  // What ended lately is few: the sum keeps the planner from walking over all that ever ended in the order of ids.
  const page =
    asOf === null
      ? sql`${part(sql`true`)} l`
      : sql`(SELECT l.* FROM (${part(stillLive(asOf))} UNION ALL ${part(endedSince(asOf), sql`l.id + 0`)}) l ${idOrder(window, sql`l.id`)}) l`;
  return readLicenseRows(reader, parts, { source: page, rest: sql`ORDER BY l.id` });
}

/** How many licenses there are. */
export async function countLicenses(reader: Rows, filter: LicenseFilter): Promise<bigint> {
  const { asOf } = filter;
  const parts = asOf === null ? [sql`true`] : [stillLive(asOf), endedSince(asOf)];
  const counts = parts.map((when) => sql`(SELECT count(*) FROM license l WHERE ${when} AND ${matches(filter)})`);
  const [row] = await reader.rows<{ count: bigint }>(sql`SELECT ${join(counts, ' + ')} AS count`);
  return row!.count;
}

/**
 * Who held licenses at a moment, in two parts that have indexes of their own: what is live and began before, and what has
 * ended since. What Apple refused was never held.
 */
function stillLive(asOf: Date, of: Sql = sql`l`): Sql {
  return sql`(${of}.ended_at IS NULL AND ${of}.started_at <= ${moment(asOf)})`;
}

function endedSince(asOf: Date, of: Sql = sql`l`): Sql {
  return sql`(${of}.ended_at > ${moment(asOf)} AND ${of}.started_at <= ${moment(asOf)} AND ${of}.state <> 'FAILED')`;
}

function heldAt(asOf: Date | null, of: Sql): Sql {
  return asOf === null ? sql`${of}.ended_at IS NULL` : sql`(${stillLive(asOf, of)} OR ${endedSince(asOf, of)})`;
}

function matches(filter: LicenseFilter): Sql {
  const { appId, tokenId, deviceId, vppUserId, serialNumber, states, sources } = filter;
  return sql`l.organization_id = ${filter.organizationId}
    ${appId === null ? nothing : sql`AND l.app_id = ${appId}`}
    ${tokenId === null ? nothing : sql`AND l.token_id = ${tokenId}`}
    ${deviceId === null ? nothing : sql`AND l.device_id = ${deviceId}`}
    ${vppUserId === null ? nothing : sql`AND l.vpp_user_id = ${vppUserId}`}
    ${serialNumber === null ? nothing : sql`AND l.device_id = ${deviceOf(filter.organizationId, serialNumber)}`}
    AND ${states !== null ? inStates(states) : filter.asOf === null ? sql`l.ended_at IS NULL` : sql`true`}
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

/** Whose licenses. */
export interface LicenseOwners {
  organizationId: bigint;
  /** What `ownerIds` are ids of. */
  kind: 'app' | 'device' | 'vppUser';
  ownerIds: readonly bigint[];
  /** Only those of this token. */
  tokenId: bigint | null;
  /** Those that were held or on their way at this moment; null for now. */
  asOf: Date | null;
}

/** The same page of the licenses of each owner, in one statement. */
export async function listLicensesOf(
  reader: Rows,
  { organizationId, kind, ownerIds, tokenId, asOf }: LicenseOwners,
  window: IdWindow,
  parts: LicenseParts,
): Promise<Map<bigint, LicenseWithParts[]>> {
  const owner = { app: sql`n.app_id`, device: sql`n.device_id`, vppUser: sql`n.vpp_user_id` }[kind];
  const source = sql`unnest(${ids(ownerIds)}) o(id) CROSS JOIN LATERAL (
      SELECT n.* FROM license n
      WHERE n.organization_id = ${organizationId} AND ${owner} = o.id AND ${heldAt(asOf, sql`n`)}
        ${tokenId === null ? nothing : sql`AND n.token_id = ${tokenId}`} ${idWindow(window, sql`n.id`)} ${idOrder(window, sql`n.id`)}
    ) l`;
  const rows = await readLicenseRows<Owned>(reader, parts, {
    source,
    extra: sql`o.id AS "ownerId"`,
    rest: sql`ORDER BY l.id`,
  });
  return byOwner(rows);
}

/** How many licenses each owner has; absent for none. */
export async function countLicensesOf(
  reader: Rows,
  { organizationId, kind, ownerIds, tokenId, asOf }: LicenseOwners,
): Promise<Map<bigint, bigint>> {
  const owner = { app: sql`l.app_id`, device: sql`l.device_id`, vppUser: sql`l.vpp_user_id` }[kind];
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT ${owner} AS "ownerId", count(*) AS count FROM license l
    WHERE l.organization_id = ${organizationId} AND ${owner} = ANY (${ids(ownerIds)}) AND ${heldAt(asOf, sql`l`)}
      ${tokenId === null ? nothing : sql`AND l.token_id = ${tokenId}`}
    GROUP BY 1`);
  return countsByOwner(rows);
}
