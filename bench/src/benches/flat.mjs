/** What the hot queries cost in libraries of different sizes. @module */
import { readConfig } from '../../../dist/main/config.js';
import { buildServices } from '../../../dist/main/services.js';
import { explainAll, explained } from '../lib/explained.mjs';
import { number } from '../lib/format.mjs';
import { hotOperations } from '../lib/hot.mjs';
import { createRusset } from '../lib/russet.mjs';
import { seed } from '../lib/seed.mjs';
import { percentile, spread } from '../lib/statistics.mjs';

export const title = 'Cost of hot queries by size of the library';

/** @typedef {{ whole: number, database: number, statements: number, rowsRead: number, blocks: number, scans: string[], sequential: string[] }} Cost */

/** @param {import('../lib/types.mjs').Bench} bench @returns {Promise<import('../lib/types.mjs').Result>} */
export async function run(bench) {
  const sizes = bench.quick ? [2_000, 10_000] : [10_000, 100_000, 1_000_000];
  /** @type {Map<string, { growing: boolean, costs: Cost[] }>} */
  const found = new Map();
  for (const licenses of sizes) {
    for (const { name, whole, cost } of await measureSize(bench, licenses)) {
      const row = found.get(name) ?? { growing: whole === true, costs: [] };
      row.costs.push(cost);
      found.set(name, row);
    }
  }
  const hot = [...found.values()].filter(({ growing }) => !growing);
  const scanned = hot.flatMap(({ costs }) => costs.at(-1)?.sequential ?? []);
  return {
    goals: [
      {
        what: `big tables read from end to end by ${hot.length} hot operations at ${sizes.at(-1)?.toLocaleString('en-US')} licenses`,
        figure: spread([scanned.length]),
        unit: 'tables',
        most: 0,
      },
    ],
    tables: [times(sizes, found), plans(sizes, found)],
    notes: [
      'The libraries are made by SQL: 500 apps in three tokens, ten licenses a device, a tenth more that have ended, their ledger, tasks and events. Each operation is asked of the API over HTTP, no two requests alike, or is a call of the function that the worker calls; the plans are those of the statements that these really sent, by `auto_explain` with `log_analyze` and `log_buffers`. A big table has more than 20,000 rows.',
    ],
  };
}

/** @param {import('../lib/types.mjs').Bench} bench @param {number} licenses */
async function measureSize({ postgres, quick, print }, licenses) {
  print(`  ${licenses.toLocaleString('en-US')} licenses`);
  const russet = await createRusset(postgres);
  try {
    await seed(russet.databaseUrl, { devices: licenses / 10, freeApps: 1, history: true });
    const times = quick ? 5 : 15;
    const timed = await withOperations(russet, async (hot) => {
      await warmUp(hot);
      /** @type {number[]} */
      const milliseconds = [];
      for (let time = 0; time < times; time++) {
        const began = performance.now();
        await hot.run(10 + time);
        milliseconds.push(performance.now() - began);
      }
      return percentile(milliseconds, 50);
    });
    await explainAll(russet.databaseUrl);
    const planned = await withOperations(russet, async (hot) => {
      await warmUp(hot, 50);
      /** @type {Omit<Cost, 'whole'>[]} */
      const costs = [];
      for (let time = 0; time < 3; time++) {
        const statements = await explained(postgres.home, russet.databaseUrl, () => hot.run(60 + time));
        if (statements.length === 0) throw new Error(`${hot.name}: the database was not asked`);
        costs.push(sum(statements));
      }
      return costs.sort((a, b) => a.database - b.database)[1];
    });
    return timed.map(({ name, whole, result }, index) => ({
      name,
      whole,
      cost: { ...planned[index].result, whole: result },
    }));
  } finally {
    await russet.stop();
  }
}

/** @param {import('../lib/hot.mjs').Hot} hot @param {number} [from] */
async function warmUp(hot, from = 0) {
  for (let time = 0; time < 5; time++) await hot.run(from + time);
}

/**
 * @template T
 * @param {import('../lib/russet.mjs').Russet} russet @param {(hot: import('../lib/hot.mjs').Hot) => Promise<T>} measure
 */
async function withOperations(russet, measure) {
  const api = await russet.api();
  const config = readConfig({ ...russet.environment, LOG_LEVEL: 'silent' });
  const { database, services } = await buildServices(config, 'bench');
  try {
    const results = [];
    for (const hot of await hotOperations({ ...russet, api, services })) {
      results.push({ name: hot.name, whole: hot.whole, result: await measure(hot) });
    }
    return results;
  } finally {
    await database.close();
    await api.stop();
  }
}

/** @param {import('../lib/explained.mjs').Statement[]} statements @returns {Omit<Cost, 'whole'>} */
function sum(statements) {
  const add = (/** @type {(statement: import('../lib/explained.mjs').Statement) => number} */ pick) =>
    statements.reduce((total, statement) => total + pick(statement), 0);
  return {
    database: add(({ milliseconds }) => milliseconds),
    statements: statements.length,
    rowsRead: add(({ rowsRead }) => rowsRead),
    blocks: add(({ blocks }) => blocks),
    scans: [...new Set(statements.flatMap(({ scans }) => scans))],
    sequential: [...new Set(statements.flatMap(({ sequential }) => sequential))],
  };
}

/** @param {number[]} sizes @param {Map<string, { costs: Cost[] }>} found @returns {import('../lib/types.mjs').Table} */
function times(sizes, found) {
  return {
    title: 'Milliseconds: as the caller sees it / in PostgreSQL alone (medians)',
    head: ['Operation', ...sizes.map((size) => `${size.toLocaleString('en-US')} licenses`), 'Growth in PostgreSQL'],
    rows: [...found].map(([name, { costs }]) => [
      name,
      ...costs.map(({ whole, database }) => `${number(whole)} / ${number(database)}`),
      `${number((costs.at(-1)?.database ?? 0) / costs[0].database)}×`,
    ]),
  };
}

/** @param {number[]} sizes @param {Map<string, { costs: Cost[] }>} found @returns {import('../lib/types.mjs').Table} */
function plans(sizes, found) {
  return {
    title: `Plans at ${sizes.at(-1)?.toLocaleString('en-US')} licenses (rows looked at and 8 kB blocks touched: smallest → largest library)`,
    head: ['Operation', 'Statements', 'Rows', 'Blocks', 'Big tables read from end to end', 'Scans'],
    rows: [...found].map(([name, { costs }]) => {
      const [first, last] = [costs[0], /** @type {Cost} */ (costs.at(-1))];
      const both = (/** @type {'rowsRead' | 'blocks'} */ what) =>
        `${Math.round(first[what]).toLocaleString('en-US')} → ${Math.round(last[what]).toLocaleString('en-US')}`;
      return [
        name,
        String(last.statements),
        both('rowsRead'),
        both('blocks'),
        last.sequential.join(', ') || '–',
        last.scans.join('; '),
      ];
    }),
  };
}
