/** docs/operations.md against the code. Its commands are run by scripts/check-production.ts. @module */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSteps, shippedPaths } from '../../scripts/lib/operations-page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('docs/operations.md');
const settings = read('.env.example');

test('§4.1 every step of the page is one that the script finds', () => {
  const steps = readSteps(page);
  expect(steps).toHaveLength(page.match(/^ *```sh$/gm)!.length);
  const commands = steps.flatMap((step) => step.commands);
  for (const name of ['setup', 'migrate', 'admin', 'start:api', 'start:worker', 'rotate-key'])
    expect(
      commands.some((command) => new RegExp(`^npm run (--silent )?${name}\\b`).test(command)),
      name,
    ).toBe(true);
  expect(shippedPaths(page)).toEqual(['package.json', 'package-lock.json', 'dist', 'prisma/migrations']);
});

test('§4.1 the page names scripts, files and headings that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const [, name = ''] of page.matchAll(/npm run\s(?:--silent )?([a-z][a-z:-]*)/g))
    expect(scripts).toHaveProperty([name]);
  const targets = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
  for (const target of targets.filter((one) => !one.startsWith('#')))
    expect([target, existsSync(join(root, 'docs', target))]).toEqual([target, true]);
  for (const target of targets.filter((one) => one.startsWith('#')))
    expect(page.toLowerCase()).toContain(`\n## ${target.slice(1).replaceAll('-', ' ')}\n`);
});

test('§4.6 settings and retention stand in the page, in .env.example and in the code with the same defaults', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|/gm)];
  expect(rows.length).toBeGreaterThan(5);
  for (const [, name, value = ''] of rows) expect(settings).toMatch(new RegExp(`^#?${name}=${value}$`, 'm'));
  const retention = [...page.matchAll(/\| (\d+) days[^|]*\| `([A-Z_]+)` \|/g)];
  expect(retention).toHaveLength(7);
  for (const [, days, name] of retention) expect(settings).toMatch(new RegExp(`^#${name}=${days}$`, 'm'));
  const code = ['config.ts', ...readdirSync(join(root, 'src/main/config')).map((file) => `config/${file}`)];
  const known = code.flatMap((file) => [...read(`src/main/${file}`).matchAll(/^ {2}([A-Z][A-Z_]+): (.*)$/gm)]);
  expect(known.length).toBeGreaterThan(20);
  for (const [, name, shape = ''] of known) {
    expect(settings).toMatch(new RegExp(`^#?${name}=`, 'm'));
    const fallback = /^(?:whole|seconds)\([^,]+, [^,]+, ([\d_]+)\)/.exec(shape)?.[1]?.replaceAll('_', '');
    if (fallback) expect(settings).toMatch(new RegExp(`^#${name}=${fallback}$`, 'm'));
  }
});
