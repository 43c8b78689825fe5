/** `npm run bench [-- name…] [--quick]`: measures Russet beside its references and renews its part of docs/performance.md. @module */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { columns, goalCells, goalHead } from './lib/format.mjs';
import { describeMachine, load as loadOfMachine } from './lib/machine.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { profileInto } from './lib/programs.mjs';
import { writeReport } from './lib/report.mjs';
import { currentCommit, readResults, writeResult } from './lib/results.mjs';
import { names } from './names.mjs';

const usage = `Usage: npm run bench [-- name…] [options]

  Each bench that is measured renews its file in bench/results and its part
  of docs/performance.md, which is made of all of them.

  name…           one or several of: ${names.join(', ')};
                  all of them when absent
  --quick         small sizes and few rounds, to see that it runs; writes nothing
  --report        writes docs/performance.md from what was measured before
  --most N        leaves out what is larger than N devices (updates, inventory)
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
    most: { type: 'string' },
    profile: { type: 'string' },
    list: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
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
} else if (values.report) {
  say(`Written: ${writeReport(readResults(names))}`);
} else {
  process.exitCode = await measure(positionals.length > 0 ? names.filter((name) => positionals.includes(name)) : names);
}

/** @param {string} name @returns {Promise<{ title: string, run: (bench: import('./lib/types.mjs').Bench) => Promise<import('./lib/types.mjs').Result> }>} */
function load(name) {
  return import(`./benches/${name}.mjs`);
}

/** @param {string[]} chosen */
async function measure(chosen) {
  const { quick } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : 5));
  const most = Number(values.most ?? Number.POSITIVE_INFINITY);
  const commit = quick ? '' : currentCommit();
  const postgres = await startPostgres();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  let failed = 0;
  try {
    for (const name of chosen) {
      if (values.profile) profileInto(join(values.profile, name));
      const { title, run } = await load(name);
      const [began, loadBefore] = [performance.now(), loadOfMachine()];
      const result = await runOne(title, () => run({ postgres, quick, rounds, most, print: say }));
      const minutes = (performance.now() - began) / 60_000;
      say(`\n${minutes.toFixed(1)} minutes, load before it ${loadBefore.toFixed(1)}`);
      if (!result) failed++;
      else if (!quick)
        keep({
          ...{ name, title, ...result },
          about: {
            ...{ commit, date: new Date().toISOString().slice(0, 10), machine: describeMachine(postgres.version) },
            ...{ rounds, minutes, load: loadBefore },
            ...(values.most ? { run: `${most.toLocaleString('en-US')} devices at most` } : {}),
          },
        });
    }
  } finally {
    await postgres.stop();
  }
  if (quick) say('The sizes were small ones: these figures say that it runs, not how fast. Nothing was written.');
  return failed > 0 ? 1 : 0;
}

/** Renews its part of the report; what could not be measured leaves what was measured before. @param {import('./lib/results.mjs').Measured} result */
function keep(result) {
  if (result.skipped && readResults([result.name]).length > 0) return say('What was measured of it before stays.');
  writeResult(result);
  say(`Written: ${writeReport(readResults(names))}`);
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
    return result;
  } catch (error) {
    say(`  failed: ${error instanceof Error ? error.stack : error}`);
    return null;
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
