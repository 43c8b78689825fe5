/** Names, icons and versions of a token's apps. Never a reason for a sync to fail. @module */

import { ids, moment, sql, texts, transaction } from '../../db/transaction.ts';
import { chunk } from '../../lib/chunk.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { AppleFailure, type MetadataVariant } from '../ports.ts';
import { secretRow, type TokenRow, usableToken } from '../token/exchange.ts';
import type { TokenKey } from '../token/gate.ts';
import { flattenMetadata, flattenPlatforms } from './flatten-metadata.ts';

/** An app that no storefront knows is asked for again after this many milliseconds while it is new. */
const unknownAge = 3_600_000;
/** What a run had to leave out follows after this many milliseconds. */
const nextRun = 600_000;
/** Apps looked up and merged at once. */
const block = 50;

interface StaleApp {
  id: bigint;
  adamId: string;
  /** Whether any storefront was ever asked for it. */
  asked: boolean;
}

/**
 * Asks the token's storefront for the apps of the token whose metadata is missing, and for a bounded number of those
 * where it is old. What is known stays when nothing new comes. Says when the next run is due.
 */
export async function refreshMetadata(context: Context, key: TokenKey): Promise<void> {
  await transaction(context, (tx) => flattenPlatforms(tx, key.organizationId));
  const { metadataEvery, metadataApps } = context.settings;
  let wait = metadataEvery;
  try {
    const token = await usableToken(context, key, 'READ');
    const stale = await staleApps(context, token);
    const met = stale.filter((app) => !app.asked);
    const again = stale.filter((app) => app.asked);
    const chosen = [...met, ...again.slice(0, metadataApps)];
    for (const apps of chunk(chosen, block)) await refreshBlock(context, token, apps);
    if (again.length > metadataApps) wait = nextRun;
    else if (met.length > 0) wait = Math.min(wait, unknownAge);
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    // What is left follows when the source allows it, which may be sooner or later than the schedule.
    if (error instanceof AppleFailure && error.retryAfter !== undefined) wait = Math.max(nextRun, error.retryAfter);
    context.logger.warn(
      { tokenId: String(key.tokenId), reason: error.message },
      'metadata could not be refreshed; the last known stays',
    );
  } finally {
    await scheduleNext(context, key, wait);
  }
}

async function scheduleNext(context: Context, key: TokenKey, wait: number): Promise<void> {
  const next = moment(new Date(context.clock.now().getTime() + wait));
  await context.prisma.$executeRaw(sql`
    UPDATE token_sync SET metadata_due_at = ${next} WHERE organization_id = ${key.organizationId} AND token_id = ${key.tokenId}`);
}

/** Those that were never asked for first, then by when they were. A new app that nobody knows is tried each hour for a day. */
function staleApps(context: Context, token: TokenRow): Promise<StaleApp[]> {
  const now = context.clock.now().getTime();
  const before = (milliseconds: number) => moment(new Date(now - milliseconds));
  const { metadataEvery } = context.settings;
  return context.prisma.$queryRaw<StaleApp[]>(sql`
    SELECT a.id, a.adam_id AS "adamId", a.metadata_at IS NOT NULL AS asked FROM app a
    LEFT JOIN LATERAL (SELECT max(m.fetched_at) AS at FROM app_metadata m
      WHERE m.organization_id = a.organization_id AND m.app_id = a.id AND m.storefront = ${token.region}) known ON true
    WHERE a.organization_id = ${token.organizationId}
      AND EXISTS (SELECT 1 FROM license_pool p WHERE p.organization_id = a.organization_id AND p.app_id = a.id AND p.token_id = ${token.tokenId} AND p.gone_at IS NULL)
      AND CASE WHEN a.metadata_at IS NULL THEN true
               WHEN known.at IS NOT NULL THEN known.at <= ${before(metadataEvery)}
               WHEN a.name IS NOT NULL THEN true
               WHEN a.first_seen_at > ${before(86_400_000)} THEN a.metadata_at <= ${before(unknownAge)}
               ELSE a.metadata_at <= ${before(metadataEvery)} END
    ORDER BY a.metadata_at NULLS FIRST, a.id`);
}

async function refreshBlock(context: Context, token: TokenRow, apps: readonly StaleApp[]): Promise<void> {
  const credential = await context.secrets.open(token.secretJwe, secretRow(token.mdmId));
  const variants = await context.metadata.lookup({
    adamIds: apps.map((app) => app.adamId),
    storefront: token.region,
    accountType: token.accountType,
    credential,
  });
  await transaction(context, async (tx) => {
    const now = moment(context.clock.now());
    const appIds = apps.map((app) => app.id);
    await tx.$executeRaw(
      sql`UPDATE app SET metadata_at = ${now} WHERE organization_id = ${token.organizationId} AND id = ANY (${ids(appIds)})`,
    );
    if (variants.length > 0) await tx.$executeRaw(upsert(token, variants, now));
    await flattenMetadata(tx, token.organizationId, appIds);
  });
}

function upsert(token: TokenRow, variants: readonly MetadataVariant[], now: ReturnType<typeof moment>) {
  const column = (pick: (variant: MetadataVariant) => string | number | boolean | null) =>
    texts(
      variants.map((variant) => {
        const value = pick(variant);
        return value === null ? null : String(value);
      }),
    );
  return sql`
    INSERT INTO app_metadata AS m (organization_id, app_id, storefront, platform, name, bundle_id, icon_template, version, external_version_id,
      minimum_os_version, device_families, artist_name, price, price_formatted, currency, store_url, custom_app, fetched_at)
    SELECT DISTINCT ON (a.id, v.platform) ${token.organizationId}, a.id, ${token.region}, v.platform, v.name, v.bundle_id, v.icon, v.version, v.external_id, v.minimum_os,
      string_to_array(v.families, ','), v.artist, v.price::numeric, v.price_formatted, v.currency, v.store_url, v.custom::boolean, ${now}
    FROM unnest(${column((v) => v.adamId)}, ${column((v) => v.platform)}, ${column((v) => v.name)}, ${column((v) => v.bundleId)}, ${column((v) => v.iconTemplate)},
      ${column((v) => v.version)}, ${column((v) => v.externalVersionId)}, ${column((v) => v.minimumOsVersion)}, ${column((v) => v.deviceFamilies.join(','))},
      ${column((v) => v.artistName)}, ${column((v) => storable(v.price))}, ${column((v) => v.priceFormatted)}, ${column((v) => v.currency)}, ${column((v) => v.storeUrl)},
      ${column((v) => v.customApp)})
      AS v(adam_id, platform, name, bundle_id, icon, version, external_id, minimum_os, families, artist, price, price_formatted, currency, store_url, custom)
    JOIN app a ON a.organization_id = ${token.organizationId} AND a.adam_id = v.adam_id
    ORDER BY a.id, v.platform
    ON CONFLICT (organization_id, app_id, storefront, platform) DO UPDATE SET
      name = coalesce(excluded.name, m.name), bundle_id = coalesce(excluded.bundle_id, m.bundle_id),
      icon_template = coalesce(excluded.icon_template, m.icon_template), version = excluded.version,
      external_version_id = excluded.external_version_id, minimum_os_version = excluded.minimum_os_version, device_families = excluded.device_families,
      artist_name = excluded.artist_name, price = excluded.price, price_formatted = excluded.price_formatted, currency = excluded.currency,
      store_url = excluded.store_url, custom_app = excluded.custom_app, fetched_at = excluded.fetched_at`;
}

/** A price that fits into the column; anything else is a slip of the storefront and no price. */
function storable(price: number | null): number | null {
  return price !== null && Number.isFinite(price) && Math.abs(price) < 1e10 ? price : null;
}
