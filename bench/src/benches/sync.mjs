/** Syncs of large libraries against a bare upsert of the same rows. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import { operation } from '../lib/client.mjs';
import { paced } from '../lib/paced.mjs';
import { withClient } from '../lib/postgres.mjs';
import { memoryOf } from '../lib/programs.mjs';
import { createRusset } from '../lib/russet.mjs';
import { percentile, spread } from '../lib/statistics.mjs';
import { endOfTask, phaseOfTask, startSync, uploadOwnToken } from '../lib/tasks.mjs';
import { measureBareUpsert } from '../references/bare-upsert.mjs';

export const title = 'Sync of large libraries';

const query = '{ apps(first: 50) { edges { node { adamId name licenses { total available used } } } } }';
const mebibyte = 1024 * 1024;

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run(bench) {
  const [small, large] = bench.quick ? [5_000, 10_000] : [200_000, 1_000_000];
  const ofSmall = await measureSize(bench, small, Math.min(3, bench.rounds));
  const ofLarge = await measureSize(bench, large, Math.min(2, Math.ceil(bench.rounds / 2)));
  const answers = await measureAnswers(bench, small, Math.min(2, bench.rounds));
  const atApplesPace = await measurePace(bench, small);
  return {
    goals: [
      ...rates(small, ofSmall),
      ...rates(large, ofLarge),
      ...memory(small, large, ofSmall, ofLarge),
      {
        what: `p95 of a page of apps, 10 a second, while ${count(small)} licenses are synced for the first time`,
        figure: answers.during,
        reference: answers.idle,
        against: 'idle',
        unit: 'ms',
        most: 2,
      },
      { what: `first sync of ${count(small)} at Apple's 15 requests a second`, figure: atApplesPace, unit: 'rows/s' },
    ],
    notes: [
      'The simulator answers pages of 1,000 and allows 100,000 requests a second, so that Russet is what is measured; a sync is timed from the mutation to the end of its task, assets, removals and metadata included. In each round the database is new, and all of it is measured in turns: first sync, second sync, bare upsert of new rows, of unchanged rows.',
      'The bare upsert sends the same rows in blocks of 10,000 by UNNEST … ON CONFLICT DO UPDATE … WHERE IS DISTINCT FROM, into a table with the columns, checks and indexes of `license`; a checkpoint goes before each measurement of either side.',
      'The pages that are asked for meanwhile are no two alike, so that none is answered from a memory, in the sync as without it.',
      'Memory is the most that the process ever had resident (VmHWM), over a first and a second sync.',
    ],
  };
}

const count = (/** @type {number} */ licenses) => licenses.toLocaleString('en-US');

/** @typedef {{ first: number[], second: number[], added: number[], unchanged: number[], worker: number[], api: number[] }} Measured */

/**
 * @param {import('../lib/types.mjs').Bench} bench @param {number} licenses @param {number} rounds
 * @returns {Promise<Measured>}
 */
async function measureSize(bench, licenses, rounds) {
  /** @type {Measured} */
  const measured = { first: [], second: [], added: [], unchanged: [], worker: [], api: [] };
  for (let round = 0; round < rounds; round++) {
    bench.print(`  ${count(licenses)} licenses, round ${round + 1} of ${rounds}`);
    await withLibrary(bench, licenses, [], async ({ api, worker, russet }) => {
      measured.first.push(await syncRate(russet, api));
      measured.second.push(await syncRate(russet, api));
      const { added, unchanged } = await measureBareUpsert(russet.databaseUrl);
      measured.added.push(added);
      measured.unchanged.push(unchanged);
      measured.worker.push((memoryOf(worker.pid)?.peak ?? Number.NaN) / mebibyte);
      measured.api.push((memoryOf(api.pid)?.peak ?? Number.NaN) / mebibyte);
    });
  }
  return measured;
}

/**
 * @param {import('../lib/types.mjs').Bench} bench @param {number} licenses @param {string[]} options of the simulator
 * @param {(parts: { russet: import('../lib/russet.mjs').Russet, api: import('../lib/russet.mjs').Api, worker: import('../lib/programs.mjs').Program }) => Promise<void>} work
 */
async function withLibrary({ postgres }, licenses, options, work) {
  const russet = await createRusset(postgres);
  try {
    const sizes = ['--licenses', String(licenses), '--devices', String(licenses / 10)];
    const pace = options.length > 0 ? options : ['--max-requests-per-second', '100000'];
    const simulator = await russet.simulator([...sizes, ...pace]);
    const api = await russet.api();
    const worker = await russet.worker();
    await uploadOwnToken(api, simulator);
    await work({ russet, api, worker });
  } finally {
    await russet.stop();
  }
}

/** Rows a second of one sync. @param {import('../lib/russet.mjs').Russet} russet @param {import('../lib/russet.mjs').Api} api */
async function syncRate({ databaseUrl }, api) {
  await withClient(databaseUrl, (client) => client.query('CHECKPOINT'));
  const { seconds } = await endOfTask(databaseUrl, await startSync(api));
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query('SELECT count(*)::int AS count FROM license WHERE ended_at IS NULL'),
  );
  return rows[0].count / seconds;
}

/** Answers of the API while a sync runs, and when nothing does. @param {import('../lib/types.mjs').Bench} bench @param {number} licenses @param {number} rounds */
async function measureAnswers(bench, licenses, rounds) {
  const during = [];
  const idle = [];
  for (let round = 0; round < rounds; round++) {
    await withLibrary(bench, licenses, [], async ({ russet, api }) => {
      const target = operation(api.url, russet.key, query);
      await paced(target, 10, sleep(3_000));
      const task = await startSync(api);
      // From here on the apps are there.
      await phaseOfTask(russet.databaseUrl, task, 'ASSIGNMENTS');
      during.push(percentile(await paced(target, 10, endOfTask(russet.databaseUrl, task)), 95));
      await sleep(1_000);
      idle.push(percentile(await paced(target, 10, sleep(bench.quick ? 2_000 : 8_000)), 95));
    });
  }
  return { during: spread(during), idle: spread(idle) };
}

/** @param {import('../lib/types.mjs').Bench} bench @param {number} licenses */
async function measurePace(bench, licenses) {
  const rates = [];
  await withLibrary(bench, licenses, ['--max-requests-per-second', '15'], async ({ russet, api }) => {
    rates.push(await syncRate(russet, api));
  });
  return spread(rates);
}

/** @param {number} licenses @param {Measured} measured @returns {import('../lib/types.mjs').Goal[]} */
function rates(licenses, measured) {
  const common = { unit: 'rows/s', least: 0.25 };
  return [
    {
      ...common,
      what: `first sync of ${count(licenses)} licenses, all new`,
      figure: spread(measured.first),
      reference: spread(measured.added),
      against: 'bare upsert, all new',
    },
    {
      ...common,
      what: `second sync of ${count(licenses)} licenses, nothing changed`,
      figure: spread(measured.second),
      reference: spread(measured.unchanged),
      against: 'bare upsert, nothing changed',
    },
  ];
}

/** @param {number} small @param {number} large @param {Measured} ofSmall @param {Measured} ofLarge @returns {import('../lib/types.mjs').Goal[]} */
function memory(small, large, ofSmall, ofLarge) {
  const processes = /** @type {const} */ (['worker', 'api']);
  return [
    {
      what: `most memory of the worker at ${count(large)}`,
      figure: spread(ofLarge.worker),
      reference: spread(ofSmall.worker),
      against: `at ${count(small)}`,
      unit: 'MiB',
      most: 1.15,
    },
    ...processes.map((name) => ({
      what: `most memory of the ${name === 'api' ? 'API' : name} at ${count(large)}`,
      figure: spread(ofLarge[name]),
      unit: 'MiB',
      most: 400,
    })),
  ];
}
