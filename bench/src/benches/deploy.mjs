/** Comparing what deployments want with what is, against the one statement that finds the difference. @module */
import { compareDeployments } from '../../../dist/domain/deployment/compare.js';
import { readConfig } from '../../../dist/main/config.js';
import { buildServices } from '../../../dist/main/services.js';
import { number } from '../lib/format.mjs';
import { withClient } from '../lib/postgres.mjs';
import { interleave } from '../lib/rounds.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { spread } from '../lib/statistics.mjs';
import { findLacking, findUninstalled } from '../references/bare-difference.mjs';

export const title = 'Desired state of large fleets';

/** @typedef {import('../lib/statistics.mjs').Spread} Spread */
/** @typedef {{ devices: number, pass: Spread, bare: Spread, installs: Spread, bareInstalls: Spread }} Measured */

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run(bench) {
  const apps = bench.quick ? 10 : 50;
  const sizes = bench.quick ? [1_000, 5_000] : [10_000, 100_000];
  /** @type {Measured[]} */
  const found = [];
  for (const devices of sizes) found.push(await measureSize(bench, devices, apps));
  const [small, large] = [found[0], /** @type {Measured} */ (found.at(-1))];
  const perMillion = (/** @type {Measured} */ { devices, pass }) =>
    spread([pass.median, pass.min, pass.max].map((milliseconds) => milliseconds / ((devices * apps) / 1e6)));
  const count = (/** @type {number} */ devices) => `${devices.toLocaleString('en-US')} devices × ${apps} apps`;
  return {
    goals: [
      {
        what: `comparing ${count(large.devices)}, nothing to do`,
        figure: large.pass,
        reference: large.bare,
        against: 'one SQL statement that finds the difference',
        unit: 'ms',
        most: 2,
      },
      {
        what: `the same for each million pairs, at ${large.devices.toLocaleString('en-US')} devices`,
        figure: perMillion(large),
        reference: perMillion(small),
        against: `at ${small.devices.toLocaleString('en-US')}`,
        unit: 'ms',
        most: 1.25,
      },
      {
        what: `comparing ${count(large.devices)} that are to be installed, nothing to do`,
        figure: large.installs,
        reference: large.bareInstalls,
        against: 'two SQL statements that find the difference, of licenses and of apps',
        unit: 'ms',
        most: 2,
      },
    ],
    tables: [
      {
        title: 'Milliseconds of a comparison that finds nothing to do (medians)',
        head: ['Library', 'Russet', 'One statement', 'Ratio'],
        rows: found.map(({ devices, pass, bare }) => [
          count(devices),
          number(pass.median),
          number(bare.median),
          `${number(pass.median / bare.median)}×`,
        ]),
      },
      {
        title: 'The same where every app is to be installed, and is (LICENSE_AND_INSTALL)',
        head: ['Library', 'Russet', 'Two statements', 'Ratio'],
        rows: found.map(({ devices, installs, bareInstalls }) => [
          count(devices),
          number(installs.median),
          number(bareInstalls.median),
          `${number(installs.median / bareInstalls.median)}×`,
        ]),
      },
    ],
    notes: [
      'Every app is deployed to a list of all devices and to a rule that holds for all of them, and every device has every license: a whole pass of the function that the worker calls, which has to give nothing, take nothing and make no task, or the bench fails. The reference is one statement over the same tables that finds the pairs of app and device without a license, planned with hash joins (by itself the server looks for each license in turn, and needs several times as long); it looks for nothing else, and changes nothing.',
      'With LICENSE_AND_INSTALL every device lists every app, and a pass looks for devices without a license and for devices without the app. Its reference asks both, one after the other: in one statement the server plans neither well.',
    ],
  };
}

/** @param {import('../lib/types.mjs').Bench} bench @param {number} devices @param {number} apps @returns {Promise<Measured>} */
async function measureSize({ postgres, rounds, print }, devices, apps) {
  print(`  ${devices.toLocaleString('en-US')} devices`);
  const russet = await createRusset(postgres);
  const config = readConfig({ ...russet.environment, LOG_LEVEL: 'silent' });
  const { database, services } = await buildServices(config, 'bench');
  try {
    await seed(russet.databaseUrl, { devices, perDevice: apps, apps });
    const organizationId = await deployAll(russet.databaseUrl);
    const measures = {
      pass: () => timed(async () => requireNothing(await compareDeployments(services, organizationId, 'bench'))),
      bare: () => timed(async () => requireNothing({ found: await findLacking(russet.databaseUrl) })),
    };
    for (const measure of Object.values(measures)) await measure();
    const measured = await interleave(measures, rounds);
    await installAll(russet.databaseUrl);
    const installing = {
      installs: measures.pass,
      bareInstalls: () => timed(async () => requireNothing({ found: await findUninstalled(russet.databaseUrl) })),
    };
    for (const measure of Object.values(installing)) await measure();
    const installed = await interleave(installing, rounds);
    await withClient(russet.databaseUrl, async (client) => {
      const { rows } = await client.query('SELECT count(*)::int AS tasks FROM task');
      requireNothing(rows[0]);
    });
    return { devices, ...measured, ...installed };
  } finally {
    await database.close();
    await russet.stop();
  }
}

/** @param {() => Promise<void>} work */
async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** @param {object} counts */
function requireNothing(counts) {
  if (Object.values(counts).some((count) => count !== 0))
    throw new Error(`there was something to do: ${JSON.stringify(counts)}`);
}

/** Deploys every app to a list of all devices, and to a rule. @param {string} databaseUrl @returns {Promise<bigint>} */
export function deployAll(databaseUrl) {
  const at = `timestamptz '2026-03-01T12:00:00Z'`;
  return withClient(databaseUrl, async (client) => {
    await client.query(`
      INSERT INTO device_group (organization_id, name, kind, rule, created_at, updated_at)
      SELECT id, 'List', 'STATIC'::"DeviceGroupKind", NULL::jsonb, ${at}, ${at} FROM organization
      UNION ALL SELECT id, 'Rule', 'RULE', '{"families": ["IPAD"], "osVersionMin": "17.4"}', ${at}, ${at} FROM organization`);
    await client.query(`
      INSERT INTO device_group_member (organization_id, group_id, device_id)
      SELECT d.organization_id, g.id, d.id FROM device d JOIN device_group g ON g.kind = 'STATIC' ORDER BY d.id`);
    await client.query(`
      INSERT INTO deployment (organization_id, app_id, group_id, mode, rank, created_at, updated_at)
      SELECT a.organization_id, a.id, g.id, 'LICENSE_ONLY', (g.kind = 'RULE')::int, ${at}, ${at} FROM app a CROSS JOIN device_group g`);
    for (const table of ['device_group', 'device_group_member', 'deployment'])
      await client.query(`VACUUM (ANALYZE) ${table}`);
    const { rows } = await client.query('SELECT id FROM organization');
    return BigInt(rows[0].id);
  });
}

/** Every deployment installs, and every device lists what it has a license of. @param {string} databaseUrl */
function installAll(databaseUrl) {
  const at = `timestamptz '2026-03-01T12:00:00Z'`;
  return withClient(databaseUrl, async (client) => {
    await client.query(`
      INSERT INTO mdm_connection (organization_id, kind, name, created_at, updated_at) SELECT id, 'GRAPHQL', 'Bench MDM', ${at}, ${at} FROM organization`);
    await client.query(`UPDATE deployment SET mode = 'LICENSE_AND_INSTALL'`);
    await client.query(`
      INSERT INTO installed_app (organization_id, device_id, bundle_id, app_id, external_version_id, device_license, managed_status, changed_at)
      SELECT l.organization_id, l.device_id, a.bundle_id, a.id, '1', true, 'Managed', ${at} FROM license l
      JOIN app a ON a.organization_id = l.organization_id AND a.id = l.app_id WHERE l.ended_at IS NULL ORDER BY l.device_id, a.bundle_id`);
    for (const table of ['deployment', 'installed_app']) await client.query(`VACUUM (ANALYZE) ${table}`);
  });
}
