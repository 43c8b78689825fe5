/**
 * Which apps of which devices are to be updated, as one would ask for it by hand: one statement over everything. It takes the
 * same decision, with what a program looks up put in as constants: storefront and platform, and groups by their members alone.
 * @module
 */

const pair = (/** @type {string} */ t) =>
  `${t}.organization_id = i.organization_id AND ${t}.device_id = i.device_id AND ${t}.app_id = i.app_id`;

const behind = `
  SELECT i.organization_id, i.device_id, i.app_id, i.external_version_id, m.external_version_id AS wanted, p.id AS policy_id
  FROM installed_app i
  JOIN device d ON d.organization_id = i.organization_id AND d.id = i.device_id AND d.removed_at IS NULL AND d.family <> 'MAC'
  JOIN enrollment e ON e.organization_id = i.organization_id AND e.device_id = i.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
  JOIN app_metadata m ON m.organization_id = i.organization_id AND m.app_id = i.app_id AND m.storefront = 'US' AND m.platform = 'ios'
    AND m.external_version_id <> i.external_version_id
  CROSS JOIN LATERAL (
    SELECT p.id, p.mode FROM update_policy p WHERE p.organization_id = i.organization_id AND (p.app_id IS NULL OR p.app_id = i.app_id)
      AND (p.group_id IS NULL OR EXISTS (SELECT 1 FROM device_group_member g
        WHERE g.organization_id = i.organization_id AND g.group_id = p.group_id AND g.device_id = i.device_id))
    ORDER BY p.app_id IS NULL, p.group_id IS NULL, p.position, p.id LIMIT 1) p
  WHERE p.mode = 'IMMEDIATELY' AND i.external_version_id <> '0' AND NOT i.installing
    AND version_numbers(d.os_version) >= version_numbers(m.minimum_os_version) AND fits_family(m.device_families, d.family)
    AND (i.has_update IS NOT false OR e.listed_at <= m.version_seen_at + interval '1 day')
    AND EXISTS (SELECT 1 FROM license l WHERE ${pair('l')} AND l.ended_at IS NULL AND l.state = 'CONFIRMED')
    AND NOT EXISTS (SELECT 1 FROM app_operation o WHERE ${pair('o')} AND o.ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM update_item u WHERE ${pair('u')} AND u.ended_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM update_attempt t WHERE ${pair('t')} AND t.target_version = m.external_version_id
      AND (t.stuck_at IS NOT NULL OR t.next_at > now()))
    AND NOT EXISTS (SELECT 1 FROM update_rollout r WHERE r.organization_id = i.organization_id AND r.policy_id = p.id AND r.app_id = i.app_id
      AND r.target_version = m.external_version_id AND r.paused_at IS NOT NULL)`;

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
    SELECT b.organization_id, 1, b.policy_id, b.device_id, b.app_id, 0, b.external_version_id, now(), now() FROM (${behind}) b`);
  return { milliseconds: performance.now() - began, count: rowCount ?? 0 };
}
