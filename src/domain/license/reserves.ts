import { ids, nothing, type Sql, sql } from '../../db/transaction.ts';

/** Selects the reserves of all tokens as rows of `Reserve`: those that matter for the apps, or all of them. */
export function selectReserves(organizationId: bigint, appIds: readonly bigint[] | null): Sql {
  return sql`SELECT token_id AS "tokenId", app_id AS "appId", seats FROM token_reserve WHERE organization_id = ${organizationId}
    ${appIds === null ? nothing : sql`AND (app_id IS NULL OR app_id = ANY (${ids(appIds)}))`}`;
}
