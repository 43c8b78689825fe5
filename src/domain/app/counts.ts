/** The seats of apps, summed over the tokens that hold them. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, nothing, type Sql, sql } from '../../db/transaction.ts';
import type { CountSource } from '../../generated/prisma/enums.ts';
import { countedAt, countSource } from './counted.ts';

/** The seats of one app: over all tokens, or those of one. `total = available + used − overdrawn`, unless unlimited. */
export interface AppCounts {
  appId: bigint;
  /** The one token that was counted; null when all were. */
  tokenId: bigint | null;
  /** At least one pool never runs out; then `total` and `available` are null. */
  unlimited: boolean;
  total: bigint | null;
  /** Seats that can be given out now; never negative. */
  available: bigint | null;
  /** Held or reserved. */
  used: bigint;
  /** The reserved part of `used`: Apple has not confirmed it yet. */
  pending: bigint;
  /** Seats that Apple took out of service; in no other number. */
  retired: bigint;
  /** Seats in use beyond the total, as after a refund. */
  overdrawn: bigint;
  /** What Russet counts as held, less what Apple last counted. */
  drift: bigint;
  /** Apple licenses it to devices. */
  deviceAssignable: boolean;
  /** From when on the oldest number of the sum is right, by Apple's word; null without a pool. */
  asOf: Date | null;
  /** What said so of that number. */
  source: CountSource;
  /** Licenses that Russet counted too many before the last comparison with Apple, license by license. */
  lastDrift: bigint;
  /** When the pool that waits longest was compared last; null when none was. */
  reconciledAt: Date | null;
}

/** What to count. */
export interface CountQuery {
  organizationId: bigint;
  /** Null counts every app that has seats. */
  appIds: readonly bigint[] | null;
  tokenId: bigint | null;
}

/** What to count for many readers at once. */
export interface SharedCountQuery extends Omit<CountQuery, 'tokenId'> {
  /** Tokens that are counted by themselves too, beside the sum over all of them. */
  tokenIds: readonly bigint[];
}

type Row = Omit<AppCounts, 'tokenId' | 'total' | 'available'> & { total: bigint; available: bigint };

const countsShape = shape<Row>({
  fields: {
    appId: 'p.app_id',
    unlimited: 'bool_or(p.unlimited)',
    total: 'coalesce(sum(p.total) FILTER (WHERE NOT p.unlimited), 0)::bigint',
    available: 'coalesce(sum(greatest(p.total - p.held - p.reserved, 0)) FILTER (WHERE NOT p.unlimited), 0)::bigint',
    used: 'sum(p.held + p.reserved)::bigint',
    pending: 'sum(p.reserved)::bigint',
    retired: 'sum(p.retired)::bigint',
    overdrawn: 'coalesce(sum(greatest(p.held + p.reserved - p.total, 0)) FILTER (WHERE NOT p.unlimited), 0)::bigint',
    drift: 'sum(p.held - p.apple_assigned)::bigint',
    deviceAssignable: 'bool_or(p.device_assignable)',
    asOf: `min(${countedAt})`,
    source: `(array_agg(${countSource} ORDER BY ${countedAt}))[1]`,
    lastDrift: 'sum(p.last_drift)::bigint',
    reconciledAt: 'min(p.reconciled_at)',
  },
  bigints: ['appId', 'total', 'available', 'used', 'pending', 'retired', 'overdrawn', 'drift', 'lastDrift'],
  moments: ['asOf', 'reconciledAt'],
});

const pools = sql`license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id`;

/** The counts of app `a` as a JSON value, for {@link countsOfJson}; null without a pool. */
export function countsJson(organizationId: bigint, tokenId: bigint | null): Sql {
  return sql`(SELECT ${countsShape.json} FROM ${pools}
    WHERE p.organization_id = ${organizationId} AND p.app_id = a.id AND t.removed_at IS NULL
      ${tokenId === null ? nothing : sql`AND p.token_id = ${tokenId}`}
    GROUP BY p.app_id)`;
}

/** The counts that a JSON value stands for. */
export function countsOfJson(appId: bigint, tokenId: bigint | null, json: object | null): AppCounts {
  return json === null ? noSeats(appId, tokenId) : toCounts(countsShape.revive(json), tokenId);
}

/** Counts per app, in one statement. Apps without a pool are absent from the answer: see {@link noSeats}. */
export async function countApps(reader: Rows, query: CountQuery): Promise<Map<bigint, AppCounts>> {
  const rows = await reader.rows<Row>(sql`
    SELECT ${countsShape.columns} FROM ${pools}
    WHERE p.organization_id = ${query.organizationId} AND t.removed_at IS NULL
      ${query.appIds === null ? nothing : sql`AND p.app_id = ANY(${ids(query.appIds)})`}
      ${query.tokenId === null ? nothing : sql`AND p.token_id = ${query.tokenId}`}
    GROUP BY p.app_id`);
  return new Map(rows.map((row) => [row.appId, toCounts(row, query.tokenId)]));
}

/** The same for the sum over all tokens and for single tokens, in one statement. */
export async function countAppsByToken(reader: Rows, query: SharedCountQuery): Promise<AppCounts[]> {
  const rows = await reader.rows<Row & { tokenId: bigint | null }>(sql`
    SELECT ${countsShape.columns}, p.token_id AS "tokenId" FROM ${pools}
    WHERE p.organization_id = ${query.organizationId} AND t.removed_at IS NULL
      ${query.appIds === null ? nothing : sql`AND p.app_id = ANY(${ids(query.appIds)})`}
    GROUP BY GROUPING SETS ((p.app_id), (p.app_id, p.token_id))
    HAVING grouping(p.token_id) = 1 OR p.token_id = ANY(${ids(query.tokenIds)})`);
  return rows.map(({ tokenId, ...row }) => toCounts(row, tokenId));
}

function toCounts(row: Row, tokenId: bigint | null): AppCounts {
  const endless = row.unlimited ? { total: null, available: null } : {};
  return { ...row, tokenId, ...endless };
}

/** The counts of an app that no token holds. */
export function noSeats(appId: bigint, tokenId: bigint | null): AppCounts {
  return {
    appId,
    tokenId,
    unlimited: false,
    total: 0n,
    available: 0n,
    used: 0n,
    pending: 0n,
    retired: 0n,
    overdrawn: 0n,
    drift: 0n,
    deviceAssignable: false,
    asOf: null,
    source: 'SYNC',
    lastDrift: 0n,
    reconciledAt: null,
  };
}
