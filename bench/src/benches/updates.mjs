/** Judging which apps of a large fleet are to be updated, against the one statement that finds those behind their store. @module */
import { runUpdates } from '../../../dist/domain/update/run.js';
import { readConfig } from '../../../dist/main/config.js';
import { buildServices } from '../../../dist/main/services.js';
import { number } from '../lib/format.mjs';
import { withClient } from '../lib/postgres.mjs';
import { interleave } from '../lib/rounds.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { spread } from '../lib/statistics.mjs';
import { countBehind, keepBehind } from '../references/bare-updates.mjs';

export const title = 'Updates of large fleets';

/** @typedef {import('../lib/statistics.mjs').Spread} Spread */
/** @typedef {{ devices: number, judged: Spread, bare: Spread, planned: Spread, kept: Spread }} Measured */

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run(bench) {
  const apps = bench.quick ? 10 : 50;
  const sizes = (bench.quick ? [1_000, 5_000] : [10_000, 100_000]).filter((devices) => devices <= bench.most);
  /** @type {Measured[]} */
  const found = [];
  for (const devices of sizes) found.push(await measureSize(bench, devices, apps));
  const [small, large] = [/** @type {Measured} */ (found[0]), /** @type {Measured} */ (found.at(-1))];
  const count = (/** @type {number} */ devices) => `${devices.toLocaleString('en-US')} devices × ${apps} apps`;
  const perMillion = (/** @type {Measured} */ { devices }, /** @type {Spread} */ { median, min, max }) =>
    spread([median, min, max].map((milliseconds) => milliseconds / ((devices * apps) / 1e6)));
  const linear = {
    what: `each million pairs of ${count(large.devices)}, one in a hundred behind`,
    figure: perMillion(large, large.planned),
    reference: perMillion(small, small.planned),
    against: `of ${count(small.devices)}`,
    unit: 'ms',
    most: 1.25,
  };
  return {
    goals: [
      {
        what: `judging updates of ${count(large.devices)}, all of them current`,
        figure: large.judged,
        reference: large.bare,
        against: 'one SQL statement that takes the same decision',
        unit: 'ms',
        most: 2,
      },
      {
        what: 'the same with one in a hundred behind, which is planned',
        figure: large.planned,
        reference: large.kept,
        against: 'the statement, kept in a table of the same indexes',
        unit: 'ms',
        most: 2,
      },
      ...(small === large ? [] : [linear]),
    ],
    tables: [
      {
        title: 'Milliseconds of a step that judges everything (medians)',
        head: ['Fleet', 'All current', 'One statement', 'One in a hundred behind', 'One statement, kept'],
        rows: found.map(({ devices, judged, bare, planned, kept }) => [
          count(devices),
          ...[judged, bare, planned, kept].map(({ median }) => number(median)),
        ]),
      },
    ],
    notes: [
      'A policy IMMEDIATELY for all, every device has every app with a license: a whole step of the function that the worker calls when everything is to be judged. What may be behind at all it finds by the counts of versions that are kept beside the lists, so a fleet that is current is not read. Only of the rest it asks for availability by storefront, platform, system and family, for the policy that holds for each app on each device, earlier tries and rings; run, versions and items are written and the first devices asked. The reference is one statement over the same tables that reads everything and takes the same decision: versions, system, family, license, what is under way, the policy by precedence, earlier tries, pauses. It has no counts to ask, storefront and platform are given to it as constants, groups are those with named members, and it keeps neither runs nor rings, and in its table no foreign keys.',
    ],
  };
}

/** @param {import('../lib/types.mjs').Bench} bench @param {number} devices @param {number} apps @returns {Promise<Measured>} */
async function measureSize({ postgres, rounds, print }, devices, apps) {
  print(`  ${devices.toLocaleString('en-US')} devices`);
  const russet = await createRusset(postgres);
  const { database, services } = await buildServices(
    readConfig({ ...russet.environment, LOG_LEVEL: 'silent' }),
    'bench',
  );
  try {
    await seed(russet.databaseUrl, { devices, perDevice: apps, apps });
    return await withClient(russet.databaseUrl, async (client) => {
      const organizationId = await installAll(client);
      const step = async (/** @type {number} */ wanted) => {
        await client.query('INSERT INTO update_wake (organization_id) VALUES ($1)', [organizationId]);
        const began = performance.now();
        await runUpdates(services, { organizationId }, 'bench');
        const milliseconds = performance.now() - began;
        const { rows } = await client.query('SELECT count(*)::int AS count FROM update_item');
        requireEqual(rows[0].count, wanted);
        await forget(client);
        return milliseconds;
      };
      const current = {
        judged: () => step(0),
        bare: async () => {
          const began = performance.now();
          requireEqual(await countBehind(client), 0);
          return performance.now() - began;
        },
      };
      for (const measure of Object.values(current)) await measure();
      const first = await interleave(current, rounds);
      // The versions of one app in a hundred pairs are others now.
      const { rowCount } = await client.query(
        `UPDATE installed_app SET external_version_id = '1' WHERE (device_id * 7 + app_id) % 100 = 0`,
      );
      await client.query('VACUUM (ANALYZE) installed_app');
      const behind = {
        planned: () => step(rowCount ?? 0),
        kept: async () => {
          const { milliseconds, count } = await keepBehind(client);
          requireEqual(count, rowCount ?? 0);
          return milliseconds;
        },
      };
      for (const measure of Object.values(behind)) await measure();
      return { devices, ...first, ...(await interleave(behind, rounds)) };
    });
  } finally {
    await database.close();
    await russet.stop();
  }
}

/** Every device has every app in the version of the store. @param {import('pg').Client} client @returns {Promise<bigint>} */
export async function installAll(client) {
  const at = `timestamptz '2026-03-01T12:00:00Z'`;
  await client.query(`
    INSERT INTO app_metadata (organization_id, app_id, storefront, platform, external_version_id, version, minimum_os_version, device_families, fetched_at)
    SELECT organization_id, id, 'US', 'ios', '2', '2.0', '17.0', '{ipad}', ${at} FROM app`);
  await client.query(`
    INSERT INTO mdm_connection (organization_id, kind, name, created_at, updated_at) SELECT id, 'GRAPHQL', 'Bench', ${at}, ${at} FROM organization`);
  await client.query(`
    INSERT INTO enrollment (organization_id, connection_id, enrollment_id, state, device_id, enrolled_at, last_seen_at, listed_at)
    SELECT d.organization_id, c.id, 'udid-' || d.id, 'ENROLLED', d.id, ${at}, ${at}, ${at} FROM device d JOIN mdm_connection c USING (organization_id) ORDER BY d.id`);
  await client.query(`
    INSERT INTO installed_app (organization_id, device_id, bundle_id, app_id, external_version_id, changed_at)
    SELECT d.organization_id, d.id, a.bundle_id, a.id, '2', ${at} FROM device d JOIN app a USING (organization_id) ORDER BY d.id, a.id`);
  await client.query(`
    INSERT INTO update_policy (organization_id, mode, windows, rings, max_in_flight, pause_at_percent, max_attempts, created_at, updated_at)
    SELECT id, 'IMMEDIATELY', '[]', '[]', 50, 20, 3, ${at}, ${at} FROM organization`);
  await client.query(`INSERT INTO update_schedule (organization_id, looked_at) SELECT id, ${at} FROM organization`);
  for (const table of ['app_metadata', 'enrollment', 'installed_app', 'update_policy', 'update_schedule'])
    await client.query(`VACUUM (ANALYZE) ${table}`);
  const { rows } = await client.query('SELECT id FROM organization');
  return BigInt(rows[0].id);
}

/** What a step has planned. @param {import('pg').Client} client */
async function forget(client) {
  for (const table of ['update_item', 'update_run', 'update_rollout', 'device_command', 'task'])
    await client.query(`DELETE FROM ${table}`);
  await client.query('VACUUM (ANALYZE) update_item');
}

/** @param {number} found @param {number} wanted */
function requireEqual(found, wanted) {
  if (found !== wanted) throw new Error(`${found} where ${wanted} were to be found`);
}
