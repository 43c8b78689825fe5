/** How many devices have an app, and in which versions. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, sql } from '../../db/transaction.ts';

/** Most versions of an app that are told one by one. */
export const mostVersions = 50;

/** One version. */
export interface InstalledVersion {
  /** Null where devices do not say. */
  version: string | null;
  externalVersionId: string | null;
  devices: bigint;
}

/** The counts of one app. */
export interface InstalledCounts {
  devices: bigint;
  /** The most frequent first, {@link mostVersions} at most. */
  versions: InstalledVersion[];
  /** When a device of the organization last told its apps; null before the first time. */
  asOf: Date | null;
}

interface Counted {
  appId: bigint | null;
  devices: bigint | null;
  versions: { version: string; externalVersionId: string; devices: string }[] | null;
  asOf: Date | null;
}

/** The counts of each of these apps; they are kept beside the lists, so nothing is counted here. */
export async function countInstalled(
  reader: Rows,
  organizationId: bigint,
  appIds: readonly bigint[],
): Promise<InstalledCounts[]> {
  const rows = await reader.rows<Counted>(sql`
    SELECT c.app_id AS "appId", c.installed AS devices, v.versions, l.at AS "asOf"
    FROM (SELECT max(listed_at) AS at FROM enrollment WHERE organization_id = ${organizationId} AND listed_at IS NOT NULL) l
    LEFT JOIN app_installed c ON c.organization_id = ${organizationId} AND c.app_id = ANY (${ids(appIds)})
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('version', s.short_version, 'externalVersionId', s.external_version_id, 'devices', s.installed::text)) AS versions FROM (
        SELECT short_version, external_version_id, installed FROM app_installed_version
        WHERE organization_id = ${organizationId} AND app_id = c.app_id AND installed > 0
        ORDER BY installed DESC, external_version_id, short_version LIMIT ${mostVersions}
      ) s
    ) v ON true`);
  const found = new Map(rows.map((row) => [row.appId, row]));
  const asOf = rows[0]?.asOf ?? null;
  return appIds.map((appId) => {
    const row = found.get(appId);
    return { devices: row?.devices ?? 0n, versions: (row?.versions ?? []).map(versionOf), asOf };
  });
}

const versionOf = ({ version, externalVersionId, devices }: NonNullable<Counted['versions']>[number]) => ({
  version: version || null,
  externalVersionId: externalVersionId || null,
  devices: BigInt(devices),
});
