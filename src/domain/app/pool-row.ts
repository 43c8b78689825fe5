/** The seats of one app in one token, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, type Sql, sql } from '../../db/transaction.ts';
import type { CountSource } from '../../generated/prisma/enums.ts';
import { type TokenRow, tokenShape, tokenTables } from '../token/row.ts';
import { countedAt, countSource } from './counted.ts';

/** One pool and its token. */
export interface PoolRow {
  id: bigint;
  appId: bigint;
  tokenId: bigint;
  pricingParam: string;
  unlimited: boolean;
  /** Null when unlimited. */
  total: bigint | null;
  used: bigint;
  reserved: bigint;
  /** Null when unlimited; never negative. */
  available: bigint | null;
  retired: bigint;
  /** What Russet counts as held, less what Apple last counted. */
  drift: bigint;
  deviceAssignable: boolean;
  revocable: boolean;
  supportedPlatforms: string[];
  /** When Apple last said something that moved or confirmed the counts, and how. */
  asOf: Date;
  source: CountSource;
  /** When Apple's own numbers were read. */
  readAt: Date;
  /** When it was last compared with Apple license by license, and what that had to correct. */
  reconciledAt: Date | null;
  lastDrift: bigint;
  corrected: bigint;
  goneAt: Date | null;
}

const poolShape = shape<PoolRow>({
  fields: {
    id: 'p.id',
    appId: 'p.app_id',
    tokenId: 'p.token_id',
    pricingParam: 'p.pricing_param',
    unlimited: 'p.unlimited',
    total: 'CASE WHEN NOT p.unlimited THEN p.total END',
    used: 'p.held + p.reserved',
    reserved: 'p.reserved',
    available: 'CASE WHEN NOT p.unlimited THEN greatest(p.total - p.held - p.reserved, 0) END',
    retired: 'p.retired',
    drift: 'p.held - p.apple_assigned',
    deviceAssignable: 'p.device_assignable',
    revocable: 'p.revocable',
    supportedPlatforms: 'to_json(p.supported_platforms)',
    asOf: countedAt,
    source: countSource,
    readAt: 'p.apple_as_of',
    reconciledAt: 'p.reconciled_at',
    lastDrift: 'p.last_drift',
    corrected: 'p.corrected',
    goneAt: 'p.gone_at',
  },
  bigints: [
    'id',
    'appId',
    'tokenId',
    'total',
    'used',
    'reserved',
    'available',
    'retired',
    'drift',
    'lastDrift',
    'corrected',
  ],
  moments: ['asOf', 'readAt', 'reconciledAt', 'goneAt'],
});

/** A pool with its token. */
export type PoolOfToken = PoolRow & { token: TokenRow };

/** The pools with these ids, in no order. */
export function readPools(reader: Rows, organizationId: bigint, poolIds: readonly bigint[]): Promise<PoolOfToken[]> {
  return withTokens(reader, organizationId, sql`p.id = ANY (${ids(poolIds)})`);
}

/** The pools of apps in the tokens that are present, in the order in which these are tried. */
export function readPoolsOfApps(
  reader: Rows,
  organizationId: bigint,
  appIds: readonly bigint[],
): Promise<PoolOfToken[]> {
  return withTokens(reader, organizationId, sql`p.app_id = ANY (${ids(appIds)}) AND t.removed_at IS NULL`);
}

/** Each token travels once, with the first of its pools. */
async function withTokens(reader: Rows, organizationId: bigint, condition: Sql): Promise<PoolOfToken[]> {
  const rows = await reader.rows<PoolRow & { token: object | null }>(sql`
    SELECT ${poolShape.columns},
      CASE WHEN row_number() OVER (PARTITION BY p.token_id ORDER BY p.id) = 1 THEN ${tokenShape.json} END AS token
    FROM license_pool p JOIN (${tokenTables}) ON t.organization_id = p.organization_id AND t.id = p.token_id
    WHERE p.organization_id = ${organizationId} AND ${condition}
    ORDER BY t.position, p.id`);
  const tokens = new Map<bigint, TokenRow>();
  for (const { tokenId, token } of rows) if (token) tokens.set(tokenId, tokenShape.revive(token));
  return rows.map((row) => Object.assign(row, { token: tokens.get(row.tokenId)! }));
}
