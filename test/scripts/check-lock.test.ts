import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'russet-lock-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function check(packages: Record<string, { optionalDependencies?: Record<string, string> }>) {
  const file = join(folder, 'package-lock.json');
  writeFileSync(file, JSON.stringify({ packages }));
  const run = spawnSync(process.execPath, ['scripts/check-lock.cjs', file], { encoding: 'utf8' });
  return { status: run.status, output: run.stdout + run.stderr };
}

const tool = { optionalDependencies: { 'tool-linux': '1.0.0', 'tool-darwin': '1.0.0' } };

test('a lock with every binary is complete, wherever npm has put them', () => {
  const packages = {
    '': {},
    'node_modules/tool': tool,
    'node_modules/tool-linux': {},
    'node_modules/tool/node_modules/tool-darwin': {},
  };
  expect(check(packages)).toMatchObject({ status: 0 });
});

test('a binary that is missing is named', () => {
  const { status, output } = check({ '': {}, 'node_modules/tool': tool, 'node_modules/tool-linux': {} });
  expect(status).toBe(1);
  expect(output).toContain('tool-darwin@1.0.0, named by node_modules/tool');
  expect(output).not.toContain('tool-linux@');
});

test("one below another package's folder does not count", () => {
  const packages = {
    '': { optionalDependencies: { 'tool-linux': '1.0.0' } },
    'node_modules/other/node_modules/tool-linux': {},
  };
  expect(check(packages)).toMatchObject({ status: 1 });
});
