/** docs/performance.md: made from the results; its reasons are kept by hand in bench/notes.md. @module */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goalCells, goalHead, isReached, number } from './format.mjs';
import { describeMachine } from './machine.mjs';
import { bench, root } from './paths.mjs';

/**
 * @typedef {import('./types.mjs').Result & { name: string, title: string }} Named
 * @typedef {{ rounds: number, minutes: number, postgresVersion: string, loadBefore: number }} About
 */

/** Writes it. @param {Named[]} results @param {About} about */
export function writeReport(results, about) {
  const file = join(root, 'docs', 'performance.md');
  writeFileSync(file, `${report(results, about).join('\n\n')}\n`);
  return file;
}

/** What was measured; with a plus where files differ from it. */
function commit() {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') ? '+' : ''}`;
}

/** @param {Named[]} results @param {About} about */
function report(results, about) {
  const goals = results.flatMap((result) => result.goals);
  const missed = goals.filter((goal) => isReached(goal) === false).length;
  const judged = goals.filter((goal) => isReached(goal) !== null).length;
  return [
    '# Performance',
    `This page is written by \`npm run bench\`; only the [reasons](#reasons) are kept by hand, in \`bench/notes.md\`. What can be
compared stands beside a reference that was measured in the same run on the same machine, in turns: A B A B … A figure is
the median of its rounds, with the least and the most of them in brackets.`,
    markdownTable(
      ['', ''],
      [
        ['Command', '`npm run bench`'],
        ['Date', new Date().toISOString().slice(0, 10)],
        ['Commit', commit()],
        ...describeMachine(about.postgresVersion),
        [
          'Run',
          `${number(about.minutes)} minutes, up to ${about.rounds} rounds, load of the machine before it ${number(about.loadBefore)}`,
        ],
      ],
    ),
    '## Goals',
    `${judged - missed} of ${judged} goals are reached.`,
    markdownTable(goalHead, goals.map(goalCells)),
    ...skipped(results),
    ...results.flatMap(({ title, tables = [] }) =>
      tables.length > 0 ? [`## ${title}`, ...tables.flatMap(section)] : [],
    ),
    '## How it is measured',
    'All servers are processes of their own on the loopback address. Load comes from one more process, by autocannon, the same for both sides. `bench/` is a package of its own, so that nothing of it is installed with Russet.',
    ...results.flatMap(howMeasured),
    '## Reasons',
    readFileSync(join(bench, 'notes.md'), 'utf8').trim(),
  ];
}

/** @param {Named[]} results */
function skipped(results) {
  const lines = results
    .filter((result) => result.skipped)
    .map(({ title, skipped: why }) => `- **${title}** was not measured: ${why}`);
  return lines.length > 0 ? [lines.join('\n')] : [];
}

/** @param {import('./types.mjs').Table} table */
function section({ title, head, rows }) {
  return [`${title}:`, markdownTable(head, rows)];
}

/** @param {Named} result */
function howMeasured({ name, title, notes = [], documents = [] }) {
  return [
    `### ${title} (\`npm run bench -- ${name}\`)`,
    ...(notes.length > 0 ? [notes.join(' ')] : []),
    ...documents.map(({ title: what, text }) => `${what}:\n\n\`\`\`graphql\n${text.trim()}\n\`\`\``),
  ];
}

/** @param {string[]} head @param {string[][]} rows */
function markdownTable(head, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
