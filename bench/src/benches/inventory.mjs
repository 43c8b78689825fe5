/** App lists of a large fleet: merged block by block as they are told, and read page by page. @module */
import { preparedRows } from '../../../dist/db/rows.js';
import { transaction } from '../../../dist/db/transaction.js';
import { countInstalled } from '../../../dist/domain/inventory/counts.js';
import { mergeApps } from '../../../dist/domain/inventory/merge.js';
import { listInstalledOf } from '../../../dist/domain/inventory/row.js';
import { readConfig } from '../../../dist/main/config.js';
import { buildServices } from '../../../dist/main/services.js';
import { number } from '../lib/format.mjs';
import { withClient } from '../lib/postgres.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { spread } from '../lib/statistics.mjs';
import { measureBareLists } from '../references/bare-app-lists.mjs';

export const title = 'App lists of large fleets';

/** Lists that are applied together, as the worker does. */
const block = 500;
/** Blocks of each pass that are written by hand beside it. */
const bareBlocks = 20;
const apps = 60;
/** Of each list: apps of the organization's store. */
const known = 20;

/** @typedef {import('../../../dist/domain/inventory/merge.js').ToldApps} ToldApps */

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run({ postgres, quick, rounds, most, print }) {
  const devices = Math.min(quick ? 2_000 : 100_000, most);
  const russet = await createRusset(postgres);
  const config = readConfig({ ...russet.environment, LOG_LEVEL: 'silent' });
  const { database, services } = await buildServices(config, 'bench');
  try {
    await seed(russet.databaseUrl, { devices, perDevice: 1, apps: known });
    const organizationId = await prepare(russet.databaseUrl);
    const ids = await deviceIds(russet.databaseUrl);
    const pass = (/** @type {number} */ release) => mergeAll(services, organizationId, blocksOf(ids, release));
    const told = blocksOf(ids.slice(0, block * bareBlocks), 0);
    const first = await pass(0);
    print(`  first lists: ${Math.round(first.seconds)} s`);
    await analyze(russet.databaseUrl);
    const unchanged = [];
    const bare = [];
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      unchanged.push(await pass(0));
      bare.push(await measureBareLists(russet.databaseUrl, organizationId, told));
    }
    const updated = await pass(1);
    const total = devices * apps;
    if (first.written !== total || unchanged.some(({ written }) => written !== 0))
      throw new Error(`merged ${first.written}, then ${unchanged.map(({ written }) => written)} of ${total}`);
    const pages = await readPages(database.pool, organizationId, ids);
    const perSecond = (/** @type {{ seconds: number }} */ { seconds }) => total / seconds;
    const size = `${devices.toLocaleString('en-US')} devices × ${apps} apps`;
    const row = (/** @type {string} */ what, /** @type {{ seconds: number, written: number }} */ merged) => [
      ...[what, number(merged.seconds), number(perSecond(merged)), merged.written.toLocaleString('en-US')],
    ];
    return {
      goals: [
        {
          what: `merging lists of ${size}, nothing changed`,
          figure: spread(unchanged.map(perSecond)),
          reference: spread(bare.map((one) => one.unchanged)),
          against: 'writing every row by one upsert a block',
          unit: 'rows/s',
          least: 1,
        },
        {
          what: 'the same, told for the first time',
          figure: spread([perSecond(first)]),
          reference: spread(bare.map((one) => one.first)),
          against: 'the same upsert, without counts',
          unit: 'rows/s',
          least: 0.3,
        },
        { what: `50 devices with their ${apps} apps`, figure: pages.lists, unit: 'ms', most: 50, absolute: true },
        { what: `installs of ${known} apps by version`, figure: pages.counts, unit: 'ms', most: 50, absolute: true },
      ],
      tables: [
        {
          title: `Lists of ${size}, ${block} devices in one transaction`,
          head: ['Pass', 'Seconds', 'Rows a second', 'Written'],
          rows: [
            row('told for the first time', first),
            row('nothing changed', /** @type {typeof first} */ (unchanged.at(-1))),
            row('one app in a hundred has a new version', updated),
          ],
        },
      ],
      notes: [
        `Every device tells a whole list; ${known} of its apps are in the organization's store, and installs are counted by version. The reference writes ${bareBlocks} of the blocks into a plain table with the same columns and indexes.`,
      ],
    };
  } finally {
    await database.close();
    await russet.stop();
  }
}

/** Bundle ids in the store, as metadata has them. @param {string} databaseUrl */
function prepare(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    await client.query(`
      INSERT INTO app_metadata (organization_id, app_id, storefront, platform, bundle_id, device_families, fetched_at)
      SELECT organization_id, id, 'US', 'ios', bundle_id, '{iPad}', now() FROM app`);
    await client.query('VACUUM (ANALYZE) app_metadata');
    const { rows } = await client.query('SELECT id FROM organization');
    return BigInt(rows[0].id);
  });
}

/** @param {string} databaseUrl @returns {Promise<bigint[]>} */
function deviceIds(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query('SELECT id FROM device ORDER BY id');
    return rows.map(({ id }) => BigInt(id));
  });
}

/** @param {string} databaseUrl */
function analyze(databaseUrl) {
  return withClient(databaseUrl, (client) => client.query('VACUUM (ANALYZE) installed_app'));
}

/** @param {readonly bigint[]} ids @param {number} release @returns {ToldApps[][]} */
function blocksOf(ids, release) {
  const blocks = [];
  for (let start = 0; start < ids.length; start += block)
    blocks.push(ids.slice(start, start + block).map((deviceId) => listOf(deviceId, release)));
  return blocks;
}

/** @param {bigint} deviceId @param {number} release @returns {ToldApps} */
function listOf(deviceId, release) {
  const list = Array.from({ length: apps }, (_one, n) => {
    const isNew = release > 0 && (Number(deviceId) * apps + n) % 100 === 0;
    const version = `${n % 7}.${isNew ? release : 0}`;
    return {
      bundleId: n < known ? `example.invented.app${n + 1}` : `example.other.app${n}`,
      name: `App ${n}`,
      version,
      shortVersion: version,
      externalVersionId: String(800_000_000 + n * 10 + (isNew ? release : 0)),
      hasUpdate: false,
      deviceLicense: n < known,
      installing: false,
      downloadFailed: false,
    };
  });
  return { deviceId, apps: list, covers: 'ALL' };
}

/** @param {import('../../../dist/domain/context.js').Services} services @param {bigint} organizationId @param {ToldApps[][]} blocks */
async function mergeAll(services, organizationId, blocks) {
  let [seconds, written] = [0, 0];
  for (const told of blocks) {
    const began = performance.now();
    const merged = await transaction(services, (tx) => mergeApps(tx, organizationId, told, new Date()));
    seconds += (performance.now() - began) / 1_000;
    written += merged.written;
  }
  return { seconds, written };
}

/** @param {import('pg').Pool} pool @param {bigint} organizationId @param {readonly bigint[]} ids */
async function readPages(pool, organizationId, ids) {
  const rows = preparedRows(pool);
  const [lists, counts] = [[], []];
  const appIds = Array.from({ length: known }, (_one, n) => BigInt(n + 1));
  for (let round = 0; round < 20; round++) {
    const some = ids.slice(round * 50, round * 50 + 50);
    const window = { after: null, before: null, limit: apps + 1, fromEnd: false };
    lists.push(await timed(() => listInstalledOf(rows, organizationId, some, window)));
    counts.push(await timed(() => countInstalled(rows, organizationId, appIds)));
  }
  return { lists: spread(lists), counts: spread(counts) };
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
