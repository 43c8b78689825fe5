/** Those who wait for a license, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, nothing, type Sql, sql } from '../../db/transaction.ts';
import { inOrder } from '../id-window.ts';
import { byOwner, countsByOwner, type Owned } from '../owned.ts';

/** One who waits. */
export interface WaitingRow {
  id: bigint;
  taskId: bigint;
  appId: bigint;
  deviceId: bigint;
  tokenId: bigint | null;
  priority: number;
  /** In the queue of its app; the first is 1. */
  position: bigint;
  reason: string;
  message: string;
  createdAt: Date;
  expiresAt: Date;
}

/** Where a row stands in its queue. */
export interface WaitingPlace {
  priority: number;
  id: bigint;
}

/** Which part of a queue, or of those of a task. */
export interface WaitingWindow {
  after: WaitingPlace | null;
  before: WaitingPlace | null;
  limit: number;
  fromEnd: boolean;
}

/** Whose rows. */
export interface WaitingOwners {
  kind: 'app' | 'task';
  ownerIds: readonly bigint[];
}

/** The same page of each owner's rows, in the order in which they are served, in one statement. */
export async function listWaiting(
  reader: Rows,
  organizationId: bigint,
  { kind, ownerIds }: WaitingOwners,
  window: WaitingWindow,
): Promise<Map<bigint, WaitingRow[]>> {
  const owner = kind === 'app' ? sql`w.app_id` : sql`w.task_id`;
  const order = window.fromEnd ? sql`w.priority, w.id DESC` : sql`w.priority DESC, w.id`;
  // Where a row stands is counted once a page and queue, up to the last one of the page.
  const rows = await reader.rows<WaitingRow & Owned>(sql`
    WITH page AS MATERIALIZED (
      SELECT o.id AS owner, w.* FROM unnest(${ids(ownerIds)}) o(id) CROSS JOIN LATERAL (
        SELECT w.* FROM license_wait w WHERE w.organization_id = ${organizationId} AND ${owner} = o.id ${between(window)}
        ORDER BY ${order} LIMIT ${window.limit}
      ) w
    ), last AS (
      SELECT DISTINCT ON (app_id) app_id, priority, id FROM page ORDER BY app_id, priority, id DESC
    ), place AS (
      SELECT r.id, r.position FROM last l CROSS JOIN LATERAL (
        SELECT b.id, row_number() OVER (ORDER BY b.priority DESC, b.id) AS position FROM license_wait b
        WHERE b.organization_id = ${organizationId} AND b.app_id = l.app_id AND b.priority >= l.priority
          AND (b.priority > l.priority OR b.id <= l.id)
      ) r
    )
    SELECT w.owner AS "ownerId", w.id, w.task_id AS "taskId", w.app_id AS "appId", w.device_id AS "deviceId", w.token_id AS "tokenId", w.priority,
      place.position, w.reason, w.message, w.created_at AS "createdAt", w.expires_at AS "expiresAt"
    FROM page w JOIN place ON place.id = w.id ORDER BY w.owner, ${order}`);
  return byOwner(inOrder(rows, window));
}

/** The larger priority comes first, then the smaller id. */
function between({ after, before }: WaitingWindow): Sql {
  const behind =
    after && sql`AND (w.priority < ${after.priority} OR (w.priority = ${after.priority} AND w.id > ${after.id}))`;
  const ahead =
    before && sql`AND (w.priority > ${before.priority} OR (w.priority = ${before.priority} AND w.id < ${before.id}))`;
  return sql`${behind ?? nothing} ${ahead ?? nothing}`;
}

/** How many rows each owner has; absent for none. */
export async function countWaiting(
  reader: Rows,
  organizationId: bigint,
  { kind, ownerIds }: WaitingOwners,
): Promise<Map<bigint, bigint>> {
  const owner = kind === 'app' ? sql`w.app_id` : sql`w.task_id`;
  const rows = await reader.rows<Owned & { count: bigint }>(sql`
    SELECT ${owner} AS "ownerId", count(*) AS count FROM license_wait w
    WHERE w.organization_id = ${organizationId} AND ${owner} = ANY (${ids(ownerIds)}) GROUP BY 1`);
  return countsByOwner(rows);
}
