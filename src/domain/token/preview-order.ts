/** What another order of the tokens would change, without changing it. @module */

import type { Rows } from '../../db/rows.ts';
import { sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { allocate } from '../license/allocate.ts';
import type { Allocation, Candidate, CandidateToken, Reserve, WantedApp } from '../license/allocation.ts';
import { selectReserves } from '../license/reserves.ts';
import { requireSameTokens } from './reorder.ts';
import { listTokens, type TokenRow } from './row.ts';
import { tokenState } from './state.ts';

/** Where the next license of an app would come from. */
export interface NextSource {
  tokenId: bigint | null;
  skipped: { tokenId: bigint; label: string; reason: string }[];
}

/** An app whose next license would come from another token. */
export interface OrderChange {
  appId: bigint;
  before: NextSource;
  after: NextSource;
}

/** What the other order would do. */
export interface OrderPreview {
  /** Apps that are looked at: those of which some token has licenses for devices. */
  apps: number;
  changes: OrderChange[];
}

interface PoolNumbers {
  poolId: bigint;
  tokenId: bigint;
  appId: bigint;
  adamId: string;
  name: string;
  pricingParam: string;
  unlimited: boolean;
  free: bigint;
  asOf: Date;
}

/**
 * Which apps' next license would come from another token if the tokens stood in this order. It is decided as a real
 * request is, for a device on which every app runs and that is in no group. Throws INVALID_INPUT like a reorder.
 */
export async function previewTokenOrder(
  reader: Rows,
  context: Pick<Context, 'clock' | 'settings' | 'actor'>,
  tokenIds: readonly bigint[],
): Promise<OrderPreview> {
  const { organizationId } = context.actor;
  const tokens = await listTokens(reader, organizationId, false);
  requireSameTokens(
    tokens.map((token) => token.id),
    tokenIds,
  );
  const pools = await readPools(reader, organizationId);
  const reserves = await reader.rows<Reserve>(selectReserves(organizationId, null));
  const apps = [...new Map(pools.map((pool) => [pool.appId, { id: pool.appId, name: pool.name }])).values()];
  const stateOf = (token: TokenRow) => tokenState(token, context.clock.now(), context.settings);
  const decide = (order: readonly bigint[]) => nextSources(apps, inOrder(tokens, order, stateOf), pools, reserves);
  const before = decide(tokens.map((token) => token.id));
  const after = decide(tokenIds);
  const changes = apps
    .map(({ id }) => ({ appId: id, before: before.get(id)!, after: after.get(id)! }))
    .filter((change) => change.before.tokenId !== change.after.tokenId);
  return { apps: apps.length, changes };
}

function readPools(reader: Rows, organizationId: bigint): Promise<PoolNumbers[]> {
  return reader.rows<PoolNumbers>(sql`
    SELECT p.id AS "poolId", p.token_id AS "tokenId", p.app_id AS "appId", p.adam_id AS "adamId", coalesce(a.name, a.adam_id) AS name,
      p.pricing_param AS "pricingParam", p.unlimited, p.total - p.held - p.reserved AS free, p.apple_as_of AS "asOf"
    FROM license_pool p JOIN app a ON a.organization_id = p.organization_id AND a.id = p.app_id
    WHERE p.organization_id = ${organizationId} AND p.gone_at IS NULL AND p.device_assignable ORDER BY lower(coalesce(a.name, a.adam_id)), p.app_id, p.id`);
}

function inOrder(
  tokens: readonly TokenRow[],
  order: readonly bigint[],
  stateOf: (token: TokenRow) => CandidateToken['state'],
): CandidateToken[] {
  return tokens.map((token) => ({
    id: token.id,
    label: token.label,
    state: stateOf(token),
    position: order.indexOf(token.id),
    expiresAt: token.expiresAt,
  }));
}

/** A device on which everything runs. */
const anyDevice = { id: 0n, serialNumber: '', family: 'UNKNOWN' as const, osVersion: null };

function nextSources(
  apps: readonly WantedApp[],
  tokens: readonly CandidateToken[],
  pools: readonly PoolNumbers[],
  reserves: readonly Reserve[],
): Map<bigint, NextSource> {
  const byId = new Map(tokens.map((token) => [token.id, token]));
  const candidates = new Map<bigint, Candidate[]>();
  for (const pool of pools) {
    const token = byId.get(pool.tokenId);
    if (token) candidates.set(pool.appId, [...(candidates.get(pool.appId) ?? []), asCandidate(pool, token)]);
  }
  return new Map(
    apps.map((app) => {
      const own = { apps: [app], candidates: candidates.get(app.id) ?? [] };
      return [
        app.id,
        nextSource(allocate({ ...own, devices: [anyDevice], tokens, reserves, holdings: [], tokenId: null })),
      ];
    }),
  );
}

const asCandidate = ({ unlimited, free, ...pool }: PoolNumbers, token: CandidateToken): Candidate => ({
  ...pool,
  free: unlimited ? null : free,
  deviceAssignable: true,
  supportedPlatforms: [],
  gone: false,
  token,
});

function nextSource({ grants: [grant], refusals: [refusal] }: Allocation): NextSource {
  if (grant) return { tokenId: grant.candidate.token.id, skipped: [...grant.skipped] };
  const error = refusal?.error as { skipped?: NextSource['skipped'] } | undefined;
  return { tokenId: null, skipped: error?.skipped ?? [] };
}
