import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findCircles, importsOf } from '../../scripts/lib/import-graph.ts';
import { isAllowed } from '../../scripts/lib/rooms.ts';

describe('finding imports', () => {
  test('sees every way to import, types included, and no package', () => {
    const text = `
      import { a } from './a.ts';
      import type { B } from '../db/b.ts';
      import { Pool } from 'pg';
      import {
        c,
      } from "./c.ts";
      export * from './d.ts';
      import './e.ts';
      const f = await import('./f.ts');
      type G = import('./g.ts').G;
      // import { h } from './h.ts';
      /* import { i } from './i.ts'; */
    `;
    expect(importsOf('src/domain/x.ts', text).sort()).toEqual(
      [...['a', 'c', 'd', 'e', 'f', 'g'].map((name) => `src/domain/${name}.ts`).sort(), 'src/db/b.ts'].sort(),
    );
  });

  test('finds a circle, and none where two ways lead to one file', () => {
    const circle = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(findCircles(circle)).toEqual([['b', 'c', 'b']]);
    expect(
      findCircles(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['d']],
          ['c', ['d']],
          ['d', []],
        ]),
      ),
    ).toEqual([]);
  });
});

test.each([
  ['src/db/client.ts', 'src/lib/clock.ts', true],
  ['src/domain/task/start.ts', 'src/generated/prisma/client.ts', true],
  ['src/domain/task/start.ts', 'src/apple/client.ts', false],
  ['src/graphql/license.ts', 'src/realtime/stream.ts', false],
  ['src/http/server.ts', 'src/apple/notifications-webhook.ts', true],
  ['src/http/server.ts', 'src/apple/client.ts', false],
  ['src/simulator/main.ts', 'src/domain/errors.ts', false],
  ['src/demo/main.ts', 'src/generated/operations/graphql.ts', true],
  ['src/demo/main.ts', 'src/db/client.ts', false],
  ['src/main/api.ts', 'src/http/server.ts', true],
  ['src/lib/clock.ts', 'src/db/client.ts', false],
])('%s → %s: %s', (from, into, allowed) => {
  expect(isAllowed(from, into)).toBe(allowed);
});

describe('the command', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'russet-imports-'));
    write('src/lib/clock.ts', 'export const clock = 1;');
    write('src/domain/verb.ts', `import { clock } from '../lib/clock.ts';\nexport const verb = clock;`);
  });

  afterEach(() => rmSync(root, { recursive: true }));

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  function check(): { status: number | null; output: string } {
    const run = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/check-imports.ts', root], {
      encoding: 'utf8',
    });
    return { status: run.status, output: run.stdout + run.stderr };
  }

  test('is content with a tree that keeps the rules', () => {
    expect(check()).toEqual({ status: 0, output: '2 files keep to their rooms, without a circle.\n' });
  });

  test('names every breach', () => {
    write('src/lib/clock.ts', `import type { verb } from '../domain/verb.ts';\nexport const clock = 1;`);
    write('src/cellar/wine.ts', '');
    const { status, output } = check();
    expect(status).toBe(1);
    expect(output).toContain(
      'src/lib/clock.ts → src/domain/verb.ts: lib may not import domain (only: nothing of ours)',
    );
    expect(output).toContain('a circle: src/domain/verb.ts → src/lib/clock.ts → src/domain/verb.ts');
    expect(output).toContain('src/cellar/wine.ts stands in no room');
  });
});
