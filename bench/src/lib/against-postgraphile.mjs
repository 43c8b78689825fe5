/** One page by Russet and by PostGraphile 5 over the same tables. @module */
import { deepStrictEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, operation, sendOnce } from './client.mjs';
import { startLoad } from './load.mjs';
import { newerNode } from './newer-node.mjs';
import { bench as benchFolder, references } from './paths.mjs';
import { withClient } from './postgres.mjs';
import { preparePostGraphile } from './prepare-postgraphile.mjs';
import { startProgram } from './programs.mjs';
import { interleave } from './rounds.mjs';
import { createRusset } from './russet.mjs';
import { seed } from './seed.mjs';

const connections = 8;

/**
 * @typedef {object} Words One side's words for the page.
 * @property {string} field of the list
 * @property {string} cursor type of its cursors
 * @property {string} [args] further arguments
 * @property {string} node what is asked of each node
 *
 * @typedef {object} Page
 * @property {string} name
 * @property {Words} ours
 * @property {Words} theirs PostGraphile's
 * @property {(nodes: any[]) => unknown} ofOurs what both have to answer, out of Russet's nodes
 * @property {(nodes: any[]) => unknown} ofTheirs the same out of PostGraphile's
 * @property {number} least times as many requests a second
 */

/**
 * @param {import('./types.mjs').Bench} bench
 * @param {Page} page
 * @returns {Promise<import('./types.mjs').Result>}
 */
export async function againstPostGraphile(bench, page) {
  const node = newerNode();
  if ('missing' in node) return { goals: [], skipped: node.missing };
  const russet = await createRusset(bench.postgres);
  const load = await startLoad();
  const started = [];
  try {
    await seed(russet.databaseUrl, { devices: bench.quick ? 2_000 : 20_000, history: true });
    await preparePostGraphile(russet.databaseUrl);
    const api = await russet.api();
    const other = await startProgram(`${references}postgraphile.mjs`, {
      node: node.path,
      env: { DATABASE_URL: russet.databaseUrl },
    });
    started.push(other);
    const ours = await side(page.ours, api.url, russet.key);
    const theirs = await side(page.theirs, other.ready.url, null);
    await expectEqual(page, ours, theirs);
    const goals = await compare(page, ours, theirs, load, bench, russet.databaseUrl);
    return { goals, notes: notes(node.version), documents: documentsOf(page) };
  } finally {
    await load.stop();
    for (const program of started) await program.stop();
    await russet.stop();
  }
}

/** Places in the list from which pages are asked for. */
const places = 2_000;

/** @typedef {{ page: (after: string | null) => import('./load.mjs').Target, cursors: string[], field: string }} Side */

/** @param {Words} words @param {string} url @param {string | null} key @returns {Promise<Side>} */
async function side(words, url, key) {
  const list = documentOf({ ...words, node: '__typename' }, 100).replace('node {', 'cursor node {');
  const cursors = [];
  for (let after = null; cursors.length < places; ) {
    const { edges, pageInfo } = (await ask(operation(url, key, list, { after })))[words.field];
    cursors.push(...edges.map((/** @type {any} */ { cursor }) => cursor));
    if (!pageInfo.hasNextPage) break;
    after = pageInfo.endCursor;
  }
  // A whole page follows each of them.
  const before = cursors.slice(0, -50);
  return {
    cursors: before,
    field: words.field,
    page: (after) => operation(url, key, documentOf(words, 50), { after }),
  };
}

/** Pages from several places hold the same on both sides. @param {Page} page @param {Side} ours @param {Side} theirs */
async function expectEqual(page, ours, theirs) {
  const nodesOf = async (/** @type {Side} */ { page: of, field, cursors }, /** @type {number | null} */ place) =>
    (await ask(of(place === null ? null : cursors[place])))[field].edges.map((/** @type {any} */ { node }) => node);
  for (const place of [null, 0, 49, 123, ours.cursors.length - 1]) {
    const [left, right] = [await nodesOf(ours, place), await nodesOf(theirs, place)];
    if (left.length !== 50) throw new Error(`${page.name}: a page of ${left.length}`);
    deepStrictEqual(page.ofOurs(left), page.ofTheirs(right), `${page.name}: the answers differ`);
  }
}

/**
 * @param {Page} page @param {Side} ours @param {Side} theirs
 * @param {Awaited<ReturnType<typeof startLoad>>} load
 * @param {import('./types.mjs').Bench} bench
 * @param {string} databaseUrl
 * @returns {Promise<import('./types.mjs').Goal[]>}
 */
async function compare(page, ours, theirs, load, { rounds, quick }, databaseUrl) {
  const seconds = quick ? 2 : 4;
  const different = (/** @type {Side} */ { page: of, cursors }) =>
    countingTransactions(databaseUrl, () =>
      load.differing(of(null), { connections, seconds, variables: cursors.map((after) => ({ after })) }),
    );
  const same = async (/** @type {Side} */ { page: of }) =>
    load.perSecond(of(null), { connections, seconds, expect: await sendOnce(of(null)) });
  const measures = (/** @type {typeof same} */ measure) => ({
    figure: () => measure(ours),
    reference: () => measure(theirs),
  });
  const common = { against: 'PostGraphile', unit: 'requests/s' };
  await interleave(measures(different), 1);
  const each = await interleave(measures(different), rounds);
  const again = await interleave(measures(same), Math.min(2, rounds));
  return [
    { ...common, ...each, what: page.name, least: page.least },
    { ...common, ...again, what: `the same page again and again, nothing changed (${page.ours.field})` },
  ];
}

/**
 * Makes sure that the database was asked: a figure of remembered answers would compare nothing.
 * @param {string} databaseUrl @param {() => Promise<{ perSecond: number, requests: number }>} work
 */
async function countingTransactions(databaseUrl, work) {
  const before = await transactions(databaseUrl);
  const { perSecond, requests } = await work();
  // Each connection reports what it did about once a second.
  await sleep(1_200);
  const done = (await transactions(databaseUrl)) - before;
  if (done < requests / 2)
    throw new Error(`${requests} requests were answered with ${done} transactions of the database`);
  return perSecond;
}

/** @param {string} databaseUrl */
function transactions(databaseUrl) {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query(
      'SELECT xact_commit::int AS count FROM pg_stat_database WHERE datname = current_database()',
    );
    return rows[0].count;
  });
}

/** @param {Words} words @param {number} first */
function documentOf({ field, cursor, args = '', node }, first) {
  return `query ($after: ${cursor}) {
  ${field}(first: ${first}, after: $after${args}) {
    edges {
      node {${node}
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
}

/** @param {string} version */
function notes(version) {
  const { dependencies } = JSON.parse(readFileSync(`${benchFolder}package.json`, 'utf8'));
  const sameNode = version === process.version ? 'the same Node' : `Node ${version}, which it needs`;
  return [
    `PostGraphile ${dependencies.postgraphile} on ${sameNode}, with as many database connections as Russet, indexes for its orders and functions for its counts, no sign-in. Russet signs each request in.`,
    `${connections} connections. The library has 20,000 devices with ten licenses each and 500 apps in three tokens; every tenth device has the same apps, so that 500 licenses on a page are of 100 apps. No two requests are equal: each asks for the page behind another place in the list, with a variable more that nothing uses, and the database's count of transactions is looked at, so that nothing is answered from a memory. Pages from five places were compared with each other before: they hold the same apps, devices, counts, licenses and tokens. Beside it stands the same request again and again, which Russet answers from its memory while nothing changes and for a second at most; PostGraphile has no such memory, so this line compares nothing and has no goal.`,
  ];
}

/** @param {Page} page */
function documentsOf({ name, ours, theirs }) {
  return [
    { title: `Russet: ${name}`, text: documentOf(ours, 50) },
    { title: `PostGraphile: ${name}`, text: documentOf(theirs, 50) },
  ];
}
