/** Which versions may be behind their store, found by the counts of versions, so that a fleet that is current is not read. @module */
import { ids, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';

/** Counts have no more of a version than this. */
const counted = 40;

/** An installed version of an app for which a store names another one. */
export interface Behind {
  appId: bigint;
  version: string;
}

/**
 * What may be behind; null when nothing can be. More than what is: platforms and storefronts of an app may have different
 * versions, and which of them counts is asked only for these. Beside them stands what devices say themselves.
 */
export async function readBehind(tx: Tx, organizationId: bigint): Promise<Behind[] | null> {
  const rows = await tx.$queryRaw<{ appId: bigint | null; version: string | null }[]>(sql`
    SELECT c.app_id AS "appId", c.external_version_id AS version
    FROM (SELECT DISTINCT app_id, external_version_id FROM app_installed_version
      WHERE organization_id = ${organizationId} AND installed > 0 AND external_version_id NOT IN ('', '0')) c
    WHERE EXISTS (SELECT 1 FROM app_metadata m WHERE m.organization_id = ${organizationId} AND m.app_id = c.app_id AND m.platform <> 'osx'
      AND (m.external_version_id <> c.external_version_id OR length(c.external_version_id) = ${counted}))
    UNION ALL SELECT NULL, NULL WHERE EXISTS (
      SELECT 1 FROM installed_app i WHERE i.organization_id = ${organizationId} AND i.app_id IS NOT NULL AND i.has_update)`);
  if (rows.length === 0) return null;
  return rows.flatMap(({ appId, version }) => (appId === null || version === null ? [] : [{ appId, version }]));
}

/** Row `a` of `app_availability` may be behind. Asked while the lists are read, before anything is joined to them. */
export function mayBeBehind(behind: readonly Behind[]): Sql {
  const appIds = ids(behind.map(({ appId }) => appId));
  // Beside the other half of the question the server makes no join of this one.
  return sql`(a.app_id = ANY (${ids([...new Set(behind.map(({ appId }) => appId))])}) OR a.has_update)
    AND ((a.app_id, left(a.installed_version, ${counted})) IN (SELECT * FROM unnest(${appIds}, ${texts(behind.map(({ version }) => version))})) OR a.has_update)`;
}
