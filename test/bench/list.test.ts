import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Runs the bench's program, without its packages: naming what there is needs none of them. */
function bench(...parameters: string[]) {
  return spawnSync(process.execPath, ['bench/src/main.mjs', ...parameters], { encoding: 'utf8' });
}

test('§4.7: every bench can be loaded and is listed, so that a change of what it calls is noticed', () => {
  const { status, stdout, stderr } = bench('--list');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  expect(names).toEqual([
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
  ]);
});

test('§4.7: a bench that there is not is refused before anything is started', () => {
  const { status, stdout, stderr } = bench('speed');
  expect(status).toBe(1);
  expect(stderr).toContain('There is no bench called speed.');
  expect(stdout).toContain('viewer, apps, devices');
});

/** A module of the bench, which is a package of its own. */
const part = (file: string): Promise<Record<string, never>> =>
  import(new URL(`../../bench/src/${file}`, import.meta.url).href);

test('§4.7: the page of figures is made of the results of each bench, and its count of goals is that of its lines', async () => {
  const [{ names }, { readResults }, { report }] = (await Promise.all(
    ['names.mjs', 'lib/results.mjs', 'lib/report.mjs'].map(part),
  )) as unknown as [
    { names: string[] },
    { readResults: (names: string[]) => { name: string; about: { commit: string } }[] },
    { report: (results: unknown) => string },
  ];
  const results = readResults(names);
  const page = readFileSync('docs/performance.md', 'utf8');
  expect(page, 'npm run bench -- --report writes it').toBe(report(results));
  const [reached, missed] = [page.match(/^\|.*\| yes \|$/gm)!.length, page.match(/^\|.*\| \*\*no\*\* \|$/gm)!.length];
  expect(page).toContain(`\n${reached} of ${reached + missed} goals are reached.\n`);
  for (const { name, about } of results) expect(page).toContain(`| \`${name}\` | ${about.commit} |`);
  // One that is left out is missed.
  expect(page).not.toBe(report(results.slice(1)));
});
