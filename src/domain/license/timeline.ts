/** What happened to the licenses of an app or a device, read from the ledger, newest first. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, moment, nothing, type Sql, sql } from '../../db/transaction.ts';
import { type AppRow, appShape } from '../app/row.ts';
import { byOwner, type Owned } from '../owned.ts';
import type { LedgerKind } from './rules.ts';

/** One line of the ledger, and whose license it is about. */
export interface LedgerRow {
  id: bigint;
  at: Date;
  kind: LedgerKind;
  heldDelta: number;
  reservedDelta: number;
  licenseId: bigint;
  taskId: bigint | null;
  appleEventId: string | null;
  actor: string;
  reason: string | null;
  serialNumber: string | null;
  clientUserId: string | null;
  appId: bigint;
  tokenId: bigint;
}

const lineShape = shape<LedgerRow>({
  fields: {
    id: 'g.id',
    at: 'g.at',
    kind: 'g.kind',
    heldDelta: 'g.held_delta::int',
    reservedDelta: 'g.reserved_delta::int',
    licenseId: 'g.license_id',
    taskId: 'g.task_id',
    appleEventId: 'g.apple_event_id',
    actor: 'g.actor',
    reason: 'g.reason',
    serialNumber: 'l.serial_number',
    clientUserId: 'l.client_user_id',
    appId: 'l.app_id',
    tokenId: 'l.token_id',
  },
  bigints: ['id', 'licenseId', 'taskId', 'appId', 'tokenId'],
  moments: ['at'],
});

/** Where a line stands in a timeline. */
export interface TimelinePlace {
  at: Date;
  id: bigint;
}

/** Which part of a timeline. */
export interface TimelineWindow {
  after: TimelinePlace | null;
  before: TimelinePlace | null;
  limit: number;
  fromEnd: boolean;
}

/** Whose timelines. */
export interface TimelineOwners {
  organizationId: bigint;
  kind: 'app' | 'device';
  ownerIds: readonly bigint[];
}

/** What is asked of owners. */
export interface TimelineQuestion {
  kind: TimelineOwners['kind'];
  window: TimelineWindow;
  /** Each line with its app. */
  withApp: boolean;
}

/** A line, and its app where that was asked for. */
export type LedgerRowWithApp = LedgerRow & { app?: AppRow };

/** The same page of the timeline of each owner, newest line first, in one statement. */
export async function readTimelines(
  reader: Rows,
  owners: TimelineOwners,
  window: TimelineWindow,
  withApp: boolean,
): Promise<Map<bigint, LedgerRowWithApp[]>> {
  const order = window.fromEnd ? sql`ORDER BY g.at, g.id` : sql`ORDER BY g.at DESC, g.id DESC`;
  const page = sql`(SELECT g.*, l.app_id, l.token_id, l.serial_number, l.client_user_id FROM ${linesOf(owners, window, order)} ${order} LIMIT ${window.limit})`;
  const app = withApp
    ? sql`, CASE WHEN row_number() OVER (PARTITION BY l.app_id ORDER BY g.id) = 1 THEN ${appShape.json} END AS app`
    : nothing;
  const apps = withApp ? sql`JOIN app a ON a.organization_id = ${owners.organizationId} AND a.id = l.app_id` : nothing;
  const rows = await reader.rows<LedgerRow & Owned & { app?: object | null }>(sql`
    SELECT ${lineShape.columns}, o.id AS "ownerId" ${app}
    FROM unnest(${ids(owners.ownerIds)}) o(id) CROSS JOIN LATERAL ${page} g CROSS JOIN LATERAL (SELECT g.app_id, g.token_id, g.serial_number, g.client_user_id) l ${apps}
    ORDER BY g.at DESC, g.id DESC`);
  if (!withApp) return byOwner(rows as (LedgerRow & Owned)[]);
  const known = new Map<bigint, AppRow>();
  for (const row of rows) if (row.app) known.set(row.appId, appShape.revive(row.app));
  return byOwner(rows.map((row) => ({ ...row, app: known.get(row.appId)! })));
}

/** The lines `g` of owner `o` with their licenses `l`. Of an app the newest of each pool are enough; a device has few. */
function linesOf({ organizationId, kind }: TimelineOwners, window: TimelineWindow, order: Sql): Sql {
  const within = sql`${beyond(window.after, sql`<`)} ${beyond(window.before, sql`>`)}`;
  if (kind === 'device') {
    // License by license through the index, however long the ledger is; OFFSET keeps the planner to it.
    return sql`license l CROSS JOIN LATERAL (
        SELECT g.* FROM ledger g WHERE g.organization_id = l.organization_id AND g.license_id = l.id ${within} OFFSET 0
      ) g WHERE l.organization_id = ${organizationId} AND l.device_id = o.id`;
  }
  return sql`license_pool p CROSS JOIN LATERAL (
        SELECT g.* FROM ledger g WHERE g.organization_id = ${organizationId} AND g.pool_id = p.id ${within} ${order} LIMIT ${window.limit}
      ) g JOIN license l ON l.organization_id = ${organizationId} AND l.id = g.license_id
      WHERE p.organization_id = ${organizationId} AND p.app_id = o.id`;
}

function beyond(place: TimelinePlace | null, than: Sql): Sql {
  return place === null ? nothing : sql`AND (g.at, g.id) ${than} (${moment(place.at)}, ${place.id})`;
}
