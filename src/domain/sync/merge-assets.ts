import { ring } from '../../db/notify.ts';
import { moment, nothing, sql, type Tx, texts } from '../../db/transaction.ts';
import type { CountSource } from '../../generated/prisma/enums.ts';
import { countMark, driftMark, firstLook } from '../license/count-marks.ts';
import { lockPools } from '../license/transition.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import type { AssetRow } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { isDoubtful } from './doubt.ts';

/**
 * Brings a block of Apple's assets in: apps that are new, pools, and Apple's numbers with the time they were asked for.
 * A pool whose numbers were asked for later stays as it is. `source` says why they were asked for.
 */
export async function mergeAssets(
  tx: Tx,
  token: TokenKey,
  rows: readonly AssetRow[],
  readAt: Date,
  source: CountSource = 'SYNC',
): Promise<void> {
  if (rows.length === 0) return;
  const { organizationId, tokenId } = token;
  const at = moment(readAt);
  const adamIds = texts(rows.map((row) => row.adamId));
  await tx.$executeRaw(sql`
    INSERT INTO app (organization_id, adam_id, product_type, status, first_seen_at, platforms, device_families)
    SELECT DISTINCT ON (a.adam_id) ${organizationId}, a.adam_id, a.product_type::"ProductType", o.new_app_status, ${at}, '{}'::text[], '{}'::text[]
    FROM unnest(${adamIds}, ${texts(rows.map((row) => row.productType))}) AS a(adam_id, product_type)
    JOIN organization o ON o.id = ${organizationId}
    WHERE NOT EXISTS (SELECT 1 FROM app k WHERE k.organization_id = ${organizationId} AND k.adam_id = a.adam_id)
    ORDER BY a.adam_id
    ON CONFLICT (organization_id, adam_id) DO NOTHING`);
  await lockPools(
    tx,
    organizationId,
    sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND adam_id = ANY (${adamIds})`,
  );
  await tx.$executeRaw(sql`
    INSERT INTO license_pool AS p (organization_id, token_id, app_id, adam_id, pricing_param, total, retired, unlimited, device_assignable,
      revocable, supported_platforms, apple_assigned, apple_available, apple_as_of, counted_at, count_source, drift_due_at, doubted)
    SELECT DISTINCT ON (a.adam_id, a.pricing_param) ${organizationId}, ${tokenId}, app.id, a.adam_id, a.pricing_param, a.total, a.retired, a.unlimited,
      a.device_assignable, a.revocable, string_to_array(a.platforms, ','), a.assigned, a.available, ${at},
      ${moment(source === 'SYNC' ? null : readAt)}, ${source}::"CountSource",
      CASE WHEN a.assigned > 0 THEN ${firstLook(readAt)} END, ${isDoubtful(token)}
    FROM unnest(${adamIds}, ${texts(rows.map((row) => row.pricingParam))},
      ${numbers(rows, (row) => (row.unlimited ? 0 : row.total))}, ${numbers(rows, (row) => row.retired)},
      ${rows.map((row) => row.unlimited)}::boolean[], ${rows.map((row) => row.deviceAssignable)}::boolean[], ${rows.map((row) => row.revocable)}::boolean[],
      ${texts(rows.map((row) => row.supportedPlatforms.join(',')))}, ${numbers(rows, (row) => row.assigned)}, ${numbers(rows, (row) => row.available)})
      AS a(adam_id, pricing_param, total, retired, unlimited, device_assignable, revocable, platforms, assigned, available)
    JOIN app ON app.organization_id = ${organizationId} AND app.adam_id = a.adam_id
    ORDER BY a.adam_id, a.pricing_param
    ON CONFLICT (organization_id, token_id, adam_id, pricing_param) DO UPDATE SET
      total = excluded.total, retired = excluded.retired, unlimited = excluded.unlimited, device_assignable = excluded.device_assignable,
      revocable = excluded.revocable, supported_platforms = excluded.supported_platforms, apple_assigned = excluded.apple_assigned,
      apple_available = excluded.apple_available, apple_as_of = excluded.apple_as_of, gone_at = NULL,
      doubted = p.doubted OR (excluded.doubted AND p.apple_assigned <> excluded.apple_assigned),
      ${driftMark(sql`p.held`, sql`excluded.apple_assigned`, readAt)} ${source === 'SYNC' ? nothing : sql`, ${countMark(source, readAt)}`}
    WHERE p.apple_as_of <= excluded.apple_as_of`);
  await wakeQueues(
    tx,
    organizationId,
    sql`w.app_id IN (SELECT p.app_id FROM license_pool p WHERE p.organization_id = ${organizationId} AND p.token_id = ${tokenId}
      AND p.adam_id = ANY (${adamIds}) AND (p.unlimited OR p.total > p.held + p.reserved))`,
  );
  await ringQueues(tx, organizationId, readAt);
  await ring(tx, { organizationId, kind: 'counts' });
}

function numbers(rows: readonly AssetRow[], pick: (row: AssetRow) => number | null) {
  return sql`${rows.map((row) => {
    const value = pick(row);
    return value === null ? null : String(value);
  })}::text[]::bigint[]`;
}

/** Pools that Apple's whole list, read since `listedSince`, no longer has: no seats are left in them. */
export async function retirePools(tx: Tx, token: TokenKey, listedSince: Date, now: Date): Promise<void> {
  const missing = sql`organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND apple_as_of < ${moment(listedSince)} AND gone_at IS NULL`;
  await lockPools(tx, token.organizationId, sql`SELECT id FROM license_pool WHERE ${missing}`);
  const gone = await tx.$executeRaw(sql`
    UPDATE license_pool p SET gone_at = ${moment(now)}, total = 0, retired = 0, unlimited = false, apple_assigned = 0, apple_available = 0,
      apple_as_of = ${moment(listedSince)}, ${driftMark(sql`p.held`, sql`0`, now)}
    WHERE ${missing}`);
  if (gone > 0) await ring(tx, { organizationId: token.organizationId, kind: 'counts' });
}

/** The assets were asked for at `readAt`, and nothing in the whole list has changed. */
export async function touchPools(tx: Tx, token: TokenKey, readAt: Date): Promise<void> {
  const old = sql`organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND gone_at IS NULL AND apple_as_of < ${moment(readAt)}`;
  await lockPools(tx, token.organizationId, sql`SELECT id FROM license_pool WHERE ${old}`);
  const touched = await tx.$executeRaw(sql`UPDATE license_pool SET apple_as_of = ${moment(readAt)} WHERE ${old}`);
  if (touched > 0) await ring(tx, { organizationId: token.organizationId, kind: 'counts' });
}
