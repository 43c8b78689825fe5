/** `npm run bench [-- name…] [--quick]`: measures Russet beside its references and writes docs/performance.md. @module */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { columns, goalCells, goalHead } from './lib/format.mjs';
import { load as loadOfMachine } from './lib/machine.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { profileInto } from './lib/programs.mjs';
import { writeReport } from './lib/report.mjs';

/** In the order of the report; each is a file of its own in `benches`. */
const names = [
  'viewer',
  'apps',
  'devices',
  'sync',
  'reserve',
  'associate',
  'deploy',
  'updates',
  'inventory',
  'fanout',
  'idle',
  'flat',
];

const usage = `Usage: npm run bench [-- name…] [options]

  name…           one or several of: ${names.join(', ')};
                  all of them when absent, and then docs/performance.md is written
  --quick         small sizes and few rounds, to see that it runs; writes nothing
  --rounds N      how often each side is measured (5, quick: 1)
  --profile DIR   writes processor profiles of Russet's processes there;
                  bench/src/top-functions.mjs reads them
  --list          names them and measures nothing
  --help          show this
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    profile: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => !names.includes(name));
if (values.help || unknown.length > 0) {
  if (unknown.length > 0) console.error(`There is no bench called ${unknown.join(', ')}.\n`);
  console.log(usage);
  process.exitCode = unknown.length > 0 ? 1 : 0;
} else if (values.list) {
  for (const name of names) console.log(`${name.padEnd(10)} ${(await load(name)).title}`);
} else {
  process.exitCode = await measure(positionals.length > 0 ? names.filter((name) => positionals.includes(name)) : names);
}

/** @param {string} name @returns {Promise<{ title: string, run: (bench: import('./lib/types.mjs').Bench) => Promise<import('./lib/types.mjs').Result> }>} */
function load(name) {
  return import(`./benches/${name}.mjs`);
}

/** @param {string[]} chosen */
async function measure(chosen) {
  const began = performance.now();
  const loadBefore = loadOfMachine();
  const { quick } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : 5));
  const postgres = await startPostgres();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const results = [];
  try {
    for (const name of chosen) {
      if (values.profile) profileInto(join(values.profile, name));
      const { title, run } = await load(name);
      const result = await runOne(title, () => run({ postgres, quick, rounds, print: say }));
      results.push({ name, title, ...result });
    }
  } finally {
    await postgres.stop();
  }
  const minutes = (performance.now() - began) / 60_000;
  say(`\n${minutes.toFixed(1)} minutes`);
  if (quick) say('The sizes were small ones: these figures say that it runs, not how fast. No report was written.');
  else if (chosen.length < names.length) say('Not everything was measured, so no report was written.');
  else say(`Written: ${writeReport(results, { rounds, minutes, loadBefore, postgresVersion: postgres.version })}`);
  return results.some((result) => result.failed) ? 1 : 0;
}

/**
 * A bench that fails does not take the others with it.
 * @param {string} title @param {() => Promise<import('./lib/types.mjs').Result>} run
 */
async function runOne(title, run) {
  say(`\n${title}`);
  try {
    const result = await run();
    show(result);
    return { ...result, failed: false };
  } catch (error) {
    say(`  failed: ${error instanceof Error ? error.stack : error}`);
    return { goals: [], skipped: `it failed: ${error instanceof Error ? error.message : error}`, failed: true };
  }
}

/** @param {import('./lib/types.mjs').Result} result */
function show(result) {
  if (result.skipped) say(`skipped: ${result.skipped}`);
  if (result.goals.length > 0) say(columns(goalHead, result.goals.map(goalCells)));
  for (const { title, head, rows } of result.tables ?? []) say(`\n${title}\n${columns(head, rows)}`);
}

/** @param {string} text */
function say(text) {
  console.log(text);
}
