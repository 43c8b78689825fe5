import { spawnSync } from 'node:child_process';
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
