/** Which apps of which devices are behind their store, as one would ask for it by hand: one statement over everything. @module */

const behind = `
  SELECT i.organization_id, i.device_id, i.app_id, i.external_version_id, m.external_version_id AS wanted
  FROM installed_app i
  JOIN device d ON d.organization_id = i.organization_id AND d.id = i.device_id AND d.removed_at IS NULL AND d.family <> 'MAC'
  JOIN enrollment e ON e.organization_id = i.organization_id AND e.device_id = i.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
  JOIN app_metadata m ON m.organization_id = i.organization_id AND m.app_id = i.app_id AND m.storefront = 'US' AND m.platform = 'ios'
    AND m.external_version_id <> i.external_version_id
  WHERE NOT i.installing AND version_numbers(d.os_version) >= version_numbers(m.minimum_os_version)
    AND EXISTS (SELECT 1 FROM license l WHERE l.organization_id = i.organization_id AND l.device_id = i.device_id AND l.app_id = i.app_id
      AND l.ended_at IS NULL AND l.state = 'CONFIRMED')
    AND NOT EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = i.organization_id AND o.device_id = i.device_id AND o.app_id = i.app_id AND o.ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM update_item u WHERE u.organization_id = i.organization_id AND u.device_id = i.device_id AND u.app_id = i.app_id AND u.ended_at IS NULL)`;

/** How many there are. @param {import('pg').Client} client @returns {Promise<number>} */
export async function countBehind(client) {
  const { rows } = await client.query(`SELECT count(*)::int AS count FROM (${behind}) b`);
  return rows[0].count;
}

/**
 * The same, kept in a table with the columns and indexes of `update_item`, which is emptied again.
 * @param {import('pg').Client} client @returns {Promise<{ milliseconds: number, count: number }>}
 */
export async function keepBehind(client) {
  await client.query('CREATE TABLE IF NOT EXISTS bare_item (LIKE update_item INCLUDING ALL)');
  await client.query('TRUNCATE bare_item');
  const began = performance.now();
  const { rowCount } = await client.query(`
    INSERT INTO bare_item (organization_id, task_id, rollout_id, device_id, app_id, ring, version_before, due_at, created_at)
    SELECT b.organization_id, 1, 1, b.device_id, b.app_id, 0, b.external_version_id, now(), now() FROM (${behind}) b`);
  return { milliseconds: performance.now() - began, count: rowCount ?? 0 };
}
