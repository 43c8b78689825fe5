/** docs/performance.md: made from the results; its reasons are kept by hand in bench/notes.md. @module */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goalCells, goalHead, isReached, number } from './format.mjs';
import { bench, root } from './paths.mjs';

/** @typedef {import('./results.mjs').Measured} Named */

/** Writes it. @param {Named[]} results */
export function writeReport(results) {
  const file = join(root, 'docs', 'performance.md');
  writeFileSync(file, report(results));
  return file;
}

/** The page. @param {Named[]} results */
export function report(results) {
  const goals = results.flatMap((result) => result.goals);
  const missed = goals.filter((goal) => isReached(goal) === false).length;
  const judged = goals.filter((goal) => isReached(goal) !== null).length;
  const machines = [...new Set(results.map(({ about }) => JSON.stringify(about.machine)))].map((one) =>
    JSON.parse(one),
  );
  const parts = [
    '# Performance',
    `This page is written by \`npm run bench\`; only the [reasons](#reasons) are kept by hand, in \`bench/notes.md\`. What can be
compared stands beside a reference that was measured in the same run on the same machine, in turns: A B A B … A figure is
the median of its rounds, with the least and the most of them in brackets. Each bench can be renewed alone, so each says what
commit it measured and when.`,
    ...machines.map((machine) => markdownTable(['', ''], machine)),
    markdownTable(
      ['Bench', 'Commit', 'Date', 'Run'],
      results.map(({ name, about }) => [`\`${name}\``, about.commit, about.date, runOf(about)]),
    ),
    '## Goals',
    `${judged - missed} of ${judged} goals are reached.`,
    markdownTable(
      ['Bench', ...goalHead],
      results.flatMap(({ name, goals: own }) => own.map((goal) => [name, ...goalCells(goal)])),
    ),
    ...skipped(results),
    ...results.flatMap(({ title, about, tables = [] }) =>
      tables.length > 0 ? [`## ${title}`, `Commit ${about.commit}, ${about.date}.`, ...tables.flatMap(section)] : [],
    ),
    '## How it is measured',
    'All servers are processes of their own on the loopback address. Load comes from one more process, by autocannon, the same for both sides. `bench/` is a package of its own, so that nothing of it is installed with Russet.',
    ...results.flatMap(howMeasured),
    '## Reasons',
    readFileSync(join(bench, 'notes.md'), 'utf8').trim(),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** @param {import('./results.mjs').About} about */
function runOf({ run, rounds, minutes, load }) {
  const own = minutes === undefined ? [] : [`${number(minutes)} minutes`];
  return [
    ...own,
    `up to ${rounds} rounds`,
    `load of the machine before it ${number(load)}`,
    ...(run ? [run] : []),
  ].join(', ');
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
