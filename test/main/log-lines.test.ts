import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { banner } from '../../src/main/supervisor/banner.ts';
import { forPerson, openLogFile } from '../../src/main/supervisor/log-lines.ts';
import { terminalLogger } from '../../src/main/supervisor/terminal-logger.ts';
import { eventually } from '../support/eventually.ts';

test.each([
  ['{"level":"info","msg":"started"}', undefined],
  ['{"level":"warn","msg":"slow"}', '  api warn: slow'],
  ['{"level":"error","msg":"failed","error":{"message":"no route"}}', '  api error: failed (no route)'],
  ['{ no JSON', '  api: { no JSON'],
  ['Error: thrown', '  api: Error: thrown'],
  ['', undefined],
])('%s becomes %s', (line, readable) => {
  expect(forPerson(line, 'api')).toBe(readable);
});

describe('a log file', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'russet-logs-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test('keeps every line, for its owner alone, and shows what matters', async () => {
    const path = join(folder, 'logs', 'api.log');
    const shown: string[] = [];
    const log = openLogFile(path, 'api', (text) => shown.push(text));
    const lines = '{"level":"info","msg":"one"}\n{"level":"warn","msg":"zwölf"}\n';
    const bytes = Buffer.from(lines);
    const middle = bytes.indexOf('ö') + 1;
    writeSync(log.descriptor, bytes.subarray(0, middle));
    log.flush();
    expect(shown).toEqual([]);
    writeSync(log.descriptor, bytes.subarray(middle));
    expect(await eventually(() => shown.length > 0)).toBe(true);
    writeSync(log.descriptor, 'Error: last words\n');
    log.close();
    log.close();
    expect(shown).toEqual(['  api warn: zwölf', '  api: Error: last words']);
    expect(readFileSync(path, 'utf8')).toBe(`${lines}Error: last words\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('shows nothing of an earlier run', () => {
    const path = join(folder, 'api.log');
    writeFileSync(path, 'Error: yesterday\n');
    const shown: string[] = [];
    openLogFile(path, 'api', (text) => shown.push(text)).close();
    expect(shown).toEqual([]);
  });

  test('is put aside when it has grown too large', () => {
    const path = join(folder, 'api.log');
    writeFileSync(path, 'x'.repeat(20_000_001));
    openLogFile(path, 'api', () => {}).close();
    expect(readFileSync(`${path}.1`)).toHaveLength(20_000_001);
  });
});

test("the supervisor's own warnings read like the others", () => {
  const lines: string[] = [];
  const logger = terminalLogger('start', (text) => lines.push(text));
  logger.info({}, 'not for the terminal');
  logger.child({}).error({ error: new Error('why') }, 'what');
  expect(lines).toEqual(['  start error: what (why)']);
});

describe('the banner', () => {
  const facts = {
    graphqlUrl: 'http://127.0.0.1:4000/graphql',
    simulatorUrl: 'http://127.0.0.1:14000',
    apiKey: 'russet_secret',
    tokenFile: join(process.cwd(), '.data/sandbox.vpptoken'),
    sandboxFile: join(process.cwd(), '.data/sandbox.json'),
    logs: join(process.cwd(), '.data/logs'),
    database: '/var/lib/somewhere',
    took: 1_234,
  };

  test('shows a new key once, and afterwards where it is', () => {
    expect(banner({ ...facts, keyCreated: true })).toContain('russet_secret');
    const later = banner({ ...facts, keyCreated: false });
    expect(later).not.toContain('russet_secret');
    expect(later).toContain('see .data/sandbox.json');
  });

  test('shortens paths below the working directory only', () => {
    const text = banner({ ...facts, keyCreated: true });
    expect(text).toContain(' .data/sandbox.vpptoken ');
    expect(text).toContain('/var/lib/somewhere');
    expect(text).toContain('ready after 1.2 s');
  });
});
