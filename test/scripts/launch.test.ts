import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'russet-launch-'));
});

afterEach(() => rmSync(root, { recursive: true }));

/** Runs a snippet that may use `launch`, the folder of the launcher's modules, and `root`. */
function evaluate(code: string): { status: number | null; output: string } {
  const prelude = `const root = ${JSON.stringify(root)}; const launch = ${JSON.stringify(join(process.cwd(), 'scripts/launch'))};`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', prelude + code], { encoding: 'utf8' });
  return { status: run.status, output: (run.stdout + run.stderr).trim() };
}

describe('the fingerprint', () => {
  const print = () =>
    evaluate(
      "const { fingerprint } = await import(launch + '/fingerprint.mjs'); console.log(fingerprint(root, ['src', 'lock']));",
    ).output;

  test('changes with content, with names and with new files, and with nothing else', () => {
    const prints = [print()];
    mkdirSync(join(root, 'src/deep'), { recursive: true });
    writeFileSync(join(root, 'src/deep/a'), 'one');
    prints.push(print());
    writeFileSync(join(root, 'src/deep/a'), 'two');
    prints.push(print());
    writeFileSync(join(root, 'lock'), 'one');
    prints.push(print());
    expect(new Set(prints).size).toBe(4);
    writeFileSync(join(root, 'elsewhere'), '');
    expect(print()).toBe(prints.at(-1));
  });
});

describe('an old Node', () => {
  const check = "const { requireNode } = await import(launch + '/node-version.mjs'); requireNode(root);";

  test.each([
    ['>=20.19.0', 0],
    [`>=${process.versions.node}`, 0],
    ['>=99.1.0', 1],
  ])('with engines %s the exit code is %s', (node, status) => {
    writeFileSync(join(root, 'package.json'), JSON.stringify({ engines: { node } }));
    const answer = evaluate(check);
    expect(answer.status).toBe(status);
    if (status) expect(answer.output).toMatch(/^Russet needs Node 99\.1\.0 or newer, and this is /);
  });
});

test('a step that fails shows its title and what it said, and the launcher goes no further', () => {
  const answer = evaluate(
    "const { step } = await import(launch + '/progress.mjs');" +
      "console.log(await step('building', async () => ({ ok: false, output: 'line 3: no' })));",
  );
  expect(answer.output).toMatch(/building {2}0\.\d s\n\nline 3: no/);
  expect(answer.output).toContain('false');
});

test('without a command it lists them, and an unknown one is an error', () => {
  const run = (parameters: string[]) => spawnSync(process.execPath, ['run.mjs', ...parameters], { encoding: 'utf8' });
  expect(run([])).toMatchObject({ status: 0, stdout: expect.stringContaining('node run.mjs start') });
  expect(run(['fly'])).toMatchObject({ status: 1 });
  expect(readFileSync('package.json', 'utf8')).toContain('"start": "exec node run.mjs start"');
});
