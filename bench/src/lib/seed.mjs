/** A library as a sync and some months of use leave it, made by set-wise SQL. @module */
import { withClient } from './postgres.mjs';

/**
 * @typedef {object} Sizes
 * @property {number} devices
 * @property {number} [perDevice] live licenses of each
 * @property {number} [apps] each with a pool in each of three tokens
 * @property {number} [freeApps] more apps, of which nobody holds a license yet
 * @property {boolean} [history] also ended licenses (every tenth more), the ledger, and tasks with their events
 */

/** First adamId of the free apps. */
export const firstFreeAdamId = 9_200_000_000;

/** Fills the database of one organization. @param {string} databaseUrl @param {Sizes} sizes */
export async function seed(databaseUrl, { devices, perDevice = 10, apps = 500, freeApps = 0, history = false }) {
  await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query('SELECT id FROM organization');
    const values = {
      org: rows[0].id,
      apps,
      freeApps,
      firstFreeAdamId,
      devices,
      perDevice,
      tokens: 3,
      seats: devices * 2,
    };
    for (const statement of history ? [...library, ...past] : library) await client.query(fill(statement, values));
    for (const table of ['token', 'app', 'license_pool', 'device', 'license', 'ledger', 'task', 'task_event'])
      await client.query(`VACUUM (ANALYZE) ${table}`);
  });
}

/** Numbers only. @param {string} statement @param {Record<string, string | number>} values */
function fill(statement, values) {
  return statement.replace(/:(\w+)\b(?!:)/g, (whole, name) => (name in values ? String(BigInt(values[name])) : whole));
}

const at = `timestamptz '2026-03-01T12:00:00Z'`;

const library = [
  `INSERT INTO token (organization_id, u_id, mdm_id, label, email, region, account_type, organization_name, position, expires_at, created_at)
   SELECT :org, 900000 + n, gen_random_uuid(), 'Token ' || n, 'it@example.org', 'US', 'EDUCATION', 'Bench District', n, now() + interval '1 year', ${at}
   FROM generate_series(1, :tokens) AS n`,
  `INSERT INTO token_gate (organization_id, token_id, next_slot_at, next_sync_slot_at) SELECT organization_id, id, ${at}, ${at} FROM token`,
  `INSERT INTO token_sync (organization_id, token_id, completeness, synced_at) SELECT organization_id, id, 'COMPLETE', ${at} FROM token`,
  `INSERT INTO app (organization_id, adam_id, product_type, status, first_seen_at, name, bundle_id, version, platforms, device_families, metadata_at)
   SELECT :org, 9100000000 + n, 'APP', 'RELEASE', ${at}, 'App ' || lpad(n::text, 5, '0'), 'example.invented.app' || n, '1.' || n % 10, '{iOS}', '{iPad}', ${at}
   FROM generate_series(1, :apps) AS n`,
  `INSERT INTO app (organization_id, adam_id, product_type, status, first_seen_at, name, platforms, device_families)
   SELECT :org, :firstFreeAdamId + n, 'APP', 'RELEASE', ${at}, 'Free App ' || lpad(n::text, 5, '0'), '{iOS}', '{iPad}' FROM generate_series(1, :freeApps) AS n`,
  `INSERT INTO license_pool (organization_id, token_id, app_id, adam_id, pricing_param, total, unlimited, device_assignable, revocable,
     supported_platforms, apple_assigned, apple_available, apple_as_of)
   SELECT :org, t.id, a.id, a.adam_id, 'STDQ', :seats, false, true, true, '{iOS}', 0, :seats, ${at} FROM app a CROSS JOIN token t ORDER BY a.id, t.position`,
  `INSERT INTO device (organization_id, serial_number, serial_original, name, family, model, os_version, origin, created_at, updated_at)
   SELECT :org, 'BENCH' || lpad(n::text, 7, '0'), 'BENCH' || lpad(n::text, 7, '0'), 'Cart ' || n, 'IPAD', 'iPad13,1', '18.1', 'LIST', ${at}, ${at}
   FROM generate_series(1, :devices) AS n`,
  // As in the simulator's large library every tenth device has the same apps; here a hundred devices on they are others.
  `INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, state, source, opening, started_at, changed_at)
   SELECT :org, p.id, p.token_id, p.app_id, p.adam_id, p.pricing_param, d.serial_number, d.id, 'CONFIRMED', 'EXTERNAL', true, ${at}, ${at}
   FROM device d CROSS JOIN generate_series(0, :perDevice - 1) AS slot
   JOIN (SELECT p.*, row_number() OVER (PARTITION BY token_id ORDER BY id) - 1 AS app_place, dense_rank() OVER (ORDER BY token_id) - 1 AS token_place FROM license_pool p) p
     ON p.app_place = (d.id % 10 + d.id / 100 * 10 + slot * (:apps / :perDevice)) % :apps AND p.token_place = (d.id + slot) % :tokens
   ORDER BY slot, d.id`,
  `UPDATE license_pool p SET held = c.n, apple_assigned = c.n, apple_available = total - c.n
   FROM (SELECT pool_id, count(*) AS n FROM license GROUP BY 1) c WHERE c.pool_id = p.id`,
];

const past = [
  `INSERT INTO license (organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, state, source, started_at, changed_at, ended_at, end_reason)
   SELECT organization_id, pool_id, token_id, app_id, adam_id, pricing_param, serial_number, device_id, 'REVOKED', 'RUSSET', started_at, changed_at, changed_at, 'REVOKE'
   FROM license WHERE id % 10 = 0`,
  `INSERT INTO ledger (organization_id, at, pool_id, license_id, kind, held_delta, reserved_delta, actor)
   SELECT organization_id, changed_at, pool_id, id, 'OPENING', 1, 0, 'system:sync' FROM license ORDER BY id`,
  // Tasks and events grow with the library; the last task is a long one.
  `INSERT INTO task (organization_id, kind, state, outcome, actor, seq, created_at, started_at, finished_at)
   SELECT :org, 'ASSOCIATE', 'SUCCEEDED', 'ALL', 'key:1', 50, ${at}, ${at}, ${at} FROM generate_series(1, greatest(20, :devices / 50))`,
  `INSERT INTO task (organization_id, kind, state, actor, seq, created_at, started_at) VALUES (:org, 'SYNC', 'RUNNING', 'key:1', 2000, ${at}, ${at})`,
  `INSERT INTO task_event (organization_id, task_id, seq, org_seq, at, payload)
   SELECT t.organization_id, t.id, n, row_number() OVER (ORDER BY t.id, n), ${at}, jsonb_build_object('state', t.state, 'phase', 'ASSIGNMENTS',
     'waitsFor', null, 'waitsUntil', null, 'requested', '2000', 'completed', n::text, 'failed', '0', 'reported', '0', 'outcome', null, 'cause', null,
     'startedAt', '2026-03-01T12:00:00.000Z', 'finishedAt', null)
   FROM task t CROSS JOIN LATERAL generate_series(1, t.seq) AS n`,
  `INSERT INTO organization_counter (organization_id, seq) SELECT :org, max(org_seq) FROM task_event
   ON CONFLICT (organization_id) DO UPDATE SET seq = excluded.seq`,
  `INSERT INTO task_token (organization_id, task_id, token_id) SELECT organization_id, id, (SELECT min(id) FROM token) FROM task`,
];
