/** Plans of the statements that a process really sent, by PostgreSQL's auto_explain. @module */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withClient } from './postgres.mjs';

/** Rows from which on a table counts as big. */
const big = 20_000;

/**
 * @typedef {object} Statement
 * @property {number} milliseconds in PostgreSQL, without planning and commit
 * @property {number} rowsRead rows that its scans looked at
 * @property {number} blocks 8 kB blocks that it touched
 * @property {string[]} scans
 * @property {string[]} sequential big tables that it reads from end to end
 */

/**
 * Has each later connection to the database log the plans of its statements.
 * @param {string} databaseUrl
 */
export function explainAll(databaseUrl) {
  const settings = {
    session_preload_libraries: "'auto_explain'",
    'auto_explain.log_min_duration': 0,
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_buffers': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_parameter_max_length': 0,
    'auto_explain.log_format': 'json',
  };
  return withClient(databaseUrl, async (client) => {
    const name = new URL(databaseUrl).pathname.slice(1);
    // Until the library is there, its settings are unknown to the server.
    await client.query(`LOAD 'auto_explain'`);
    for (const [setting, value] of Object.entries(settings))
      await client.query(`ALTER DATABASE ${name} SET ${setting} = ${value}`);
  });
}

/**
 * The statements that ran while `work` did.
 * @param {string} home of PostgreSQL @param {string} databaseUrl @param {() => Promise<unknown>} work
 * @returns {Promise<Statement[]>}
 */
export async function explained(home, databaseUrl, work) {
  const file = openSync(join(home, 'postgres.log'), 'r');
  try {
    const from = fstatSync(file).size;
    await work();
    // The line of a statement may come after its answer.
    await sleep(150);
    const text = Buffer.alloc(fstatSync(file).size - from);
    readSync(file, text, 0, text.length, from);
    const tables = await bigTables(databaseUrl);
    return [...text.toString('utf8').matchAll(/duration: ([\d.]+) ms {2}plan:\n((?:\t.*\n?)+)/g)]
      .map(([, milliseconds, plan]) => ({
        milliseconds: Number(milliseconds),
        ...JSON.parse(plan.replace(/^\t/gm, '')),
      }))
      .map(({ milliseconds, Plan }) => ({ milliseconds, ...look(Plan, tables) }));
  } finally {
    closeSync(file);
  }
}

/** @param {any} plan @param {Set<string>} tables */
function look(plan, tables) {
  const found = {
    rowsRead: 0,
    blocks: blocksOf(plan),
    scans: /** @type {string[]} */ ([]),
    sequential: /** @type {string[]} */ ([]),
  };
  const walk = (/** @type {any} */ node) => {
    const relation = node['Relation Name'] ?? '';
    const type = node['Node Type'];
    if (relation && type !== 'ModifyTable') {
      found.scans.push([type.replace(/ Scan$/, ''), node['Index Name'] ?? relation].join(' '));
      found.rowsRead +=
        ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 0);
      if (type === 'Seq Scan' && tables.has(relation) && node['Actual Loops'] > 0) found.sequential.push(relation);
    }
    for (const child of node.Plans ?? []) walk(child);
  };
  walk(plan);
  return found;
}

const blocksOf = (/** @type {any} */ plan) => (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);

/** @param {string} databaseUrl */
function bigTables(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query(`SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND reltuples > $1`, [
      big,
    ]);
    return new Set(rows.map(({ name }) => name));
  });
}
