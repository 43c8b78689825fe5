/** What each bench measured last, in bench/results: one file a bench, so that one can be renewed without the others. @module */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bench, root } from './paths.mjs';

/**
 * @typedef {object} About When and on what it was measured.
 * @property {string} commit
 * @property {string} date
 * @property {string[][]} machine names and values
 * @property {number} rounds at most
 * @property {number} [minutes] of this bench alone
 * @property {number} load of the machine before it
 * @property {string} [run] what else is known of the run
 *
 * @typedef {import('./types.mjs').Result & { name: string, title: string, about: About }} Measured
 */

const folder = join(bench, 'results');
const fileOf = (/** @type {string} */ name) => join(folder, `${name}.json`);

/** Results of the benches that were measured, in the order of their names. @param {readonly string[]} names @returns {Measured[]} */
export function readResults(names) {
  return names.filter((name) => existsSync(fileOf(name))).map((name) => JSON.parse(readFileSync(fileOf(name), 'utf8')));
}

/** @param {Measured} result */
export function writeResult(result) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(result.name), `${JSON.stringify(result, null, 2)}\n`);
}

/** What is measured; with a plus where files differ from it, other than what the bench itself writes. */
export function currentCommit() {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git(
    'status',
    '--porcelain',
    '--untracked-files=no',
    '--',
    '.',
    ':!bench/results',
    ':!docs/performance.md',
  );
  return `${git('rev-parse', '--short=7', 'HEAD')}${changed ? '+' : ''}`;
}
