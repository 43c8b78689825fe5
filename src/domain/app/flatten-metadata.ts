import { ids, nothing, sql, type Tx } from '../../db/transaction.ts';

/**
 * Brings the flat fields of apps up to date: those of the first token in order that holds the app, and of its first
 * platform (iOS, macOS, tvOS). `appIds` null means all apps of the organization. Unchanged rows are not written.
 */
export async function flattenMetadata(tx: Tx, organizationId: bigint, appIds: readonly bigint[] | null): Promise<void> {
  const only = appIds === null ? nothing : sql`AND m.app_id = ANY (${ids(appIds)})`;
  const target = sql`a.name, a.bundle_id, a.icon_url, a.version, a.minimum_os_version, a.artist_name, a.price, a.price_formatted, a.currency, a.store_url, a.device_families`;
  const source = sql`f.name, f.bundle_id, f.icon_template, f.version, f.minimum_os_version, f.artist_name, f.price, f.price_formatted, f.currency, f.store_url, f.device_families`;
  await tx.$executeRaw(sql`
    UPDATE app a SET name = f.name, bundle_id = f.bundle_id, icon_url = f.icon_template, version = f.version, minimum_os_version = f.minimum_os_version,
      artist_name = f.artist_name, price = f.price, price_formatted = f.price_formatted, currency = f.currency, store_url = f.store_url,
      device_families = f.device_families
    FROM (
      SELECT DISTINCT ON (m.app_id) m.* FROM app_metadata m
      LEFT JOIN LATERAL (
        SELECT min(t.position) AS position FROM license_pool p
        JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id AND t.removed_at IS NULL
        WHERE p.organization_id = m.organization_id AND p.app_id = m.app_id AND p.gone_at IS NULL AND t.region = m.storefront
      ) held ON true
      WHERE m.organization_id = ${organizationId} ${only}
      ORDER BY m.app_id, held.position NULLS LAST, array_position(ARRAY['ios', 'osx', 'appletvos'], m.platform), m.storefront
    ) f
    WHERE a.organization_id = ${organizationId} AND a.id = f.app_id AND (${target}) IS DISTINCT FROM (${source})`);
}

/** Brings the platforms of apps up to date: what Apple's assets say in any token. */
export async function flattenPlatforms(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE app a SET platforms = f.platforms FROM (
      SELECT p.app_id, array_agg(DISTINCT platform ORDER BY platform) AS platforms FROM license_pool p, unnest(p.supported_platforms) AS platform
      WHERE p.organization_id = ${organizationId} GROUP BY p.app_id
    ) f WHERE a.organization_id = ${organizationId} AND a.id = f.app_id AND a.platforms IS DISTINCT FROM f.platforms`);
}
