/** The difference between deployments and licenses, or installed apps as well, as one would ask for it by hand: one statement over everything. @module */
import { withClient } from '../lib/postgres.mjs';

/** @param {string} lacks */
const statement = (lacks) => `
  SELECT count(*)::int AS lacking FROM (
    SELECT DISTINCT ON (p.app_id, m.device_id) p.organization_id, p.app_id, m.device_id, p.mode
    FROM (
      SELECT m.organization_id, m.group_id, m.device_id FROM device_group_member m
      UNION ALL
      SELECT d.organization_id, g.id, d.id FROM device_group g JOIN device d ON d.organization_id = g.organization_id
        AND g.rule -> 'families' ? d.family::text AND version_numbers(d.os_version) >= version_numbers(g.rule ->> 'osVersionMin')
      WHERE g.kind = 'RULE'
    ) m
    JOIN deployment p ON p.organization_id = m.organization_id AND p.group_id = m.group_id
    JOIN device d ON d.organization_id = m.organization_id AND d.id = m.device_id AND d.removed_at IS NULL AND d.origin <> 'LICENSE'
    ORDER BY p.app_id, m.device_id, p.rank, p.mode = 'NONE' DESC, p.id
  ) w
  WHERE w.mode <> 'NONE' AND (${lacks})`;

const license = `NOT EXISTS (SELECT 1 FROM license l WHERE l.organization_id = w.organization_id
    AND l.app_id = w.app_id AND l.device_id = w.device_id AND l.ended_at IS NULL)`;
const app = `NOT EXISTS (SELECT 1 FROM installed_app i WHERE i.organization_id = w.organization_id
    AND i.app_id = w.app_id AND i.device_id = w.device_id)`;

/** How many pairs of app and device lack a license. @param {string} databaseUrl @returns {Promise<number>} */
export const findLacking = (databaseUrl) => count(databaseUrl, statement(license));

/** How many lack a license or the app. Two statements: of both in one the server plans neither in bulk. @param {string} databaseUrl @returns {Promise<number>} */
export const findUninstalled = async (databaseUrl) =>
  (await count(databaseUrl, statement(license))) + (await count(databaseUrl, statement(app)));

/** @param {string} databaseUrl @param {string} statement @returns {Promise<number>} */
function count(databaseUrl, statement) {
  return withClient(databaseUrl, async (client) => {
    // Without it the server takes the pairs for few, looks for each license in turn, and needs ten times as long.
    await client.query('SET enable_nestloop = off');
    const { rows } = await client.query(statement);
    return rows[0].lacking;
  });
}
