/** From an empty database to a signed-in query, with the commands that an operator types. @module */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';
import { type Child, startChild } from '../support/process-child.ts';
import { createApiClient } from '../support/process-client.ts';
import { runTool } from '../support/tool.ts';

let database: TestDatabase;
let folder: string;
let keyFile: string;
let db: pg.Client;
const children: Child[] = [];

beforeAll(async () => {
  database = await createEmptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'russet-setup-'));
  keyFile = join(folder, 'encryption.key');
  db = new pg.Client({ connectionString: database.url });
  await db.connect();
});
afterAll(async () => {
  for (const child of children) {
    child.signal('SIGKILL');
    await child.exit;
  }
  await db.end();
  await database.drop();
  rmSync(folder, { recursive: true });
});

const environment = (more: Record<string, string> = {}) => ({ DATABASE_URL: database.url, ...more });
const withFile = () => environment({ ENCRYPTION_KEYS_FILE: keyFile });
const keyIn = (text: string) => /^rk_[\w-]{43}$/m.exec(text)?.[0] ?? '';

async function startProgram(file: 'main/api.js' | 'main/worker.js', env: Record<string, string>): Promise<Child> {
  const child = startChild(file, { env: { PORT: '0', ...env } });
  children.push(child);
  await child.ready.catch(() => {});
  return child;
}

test('§4.1 setup without a place for the key shows one and does nothing else', async () => {
  const { code, output } = await runTool('setup', [], environment());
  expect(code).toBe(1);
  const [, base64 = ''] = /^ENCRYPTION_KEYS=[\w-]+:(\S+)$/m.exec(output) ?? [];
  expect(Buffer.from(base64, 'base64')).toHaveLength(32);
  expect((await db.query("SELECT to_regclass('installation') AS name")).rows).toEqual([{ name: null }]);
});

test('§4.1 an API and a worker refuse a database that was never migrated, and name the command', async () => {
  const env = environment({ ENCRYPTION_KEYS: `k:${randomBytes(32).toString('base64')}` });
  for (const file of ['main/api.js', 'main/worker.js'] as const) {
    const child = await startProgram(file, env);
    expect(await child.exit).toBe(1);
    expect(child.output()).toMatch(
      /it lacks graphile_worker, 0001_initial, 0002_[\w, ]+\. Run npm run migrate first\.\n$/,
    );
  }
  const { code, output } = await runTool('migrate', ['--check'], environment());
  expect([code, output]).toEqual([1, expect.stringContaining('Missing: graphile_worker, 0001_initial')]);
});

test('§4.1 setup makes key file, tables, organization and key; a second one says what is there; the key works', async () => {
  const first = await runTool('setup', ['--organization', 'Riverbend'], withFile());
  expect(first.output).toContain('0001_initial');
  expect(first.code).toBe(0);
  const apiKey = keyIn(first.output);
  expect(apiKey).not.toBe('');
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  const encryptionKey = readFileSync(keyFile, 'utf8');

  const second = await runTool('setup', ['--organization', 'Another'], withFile());
  expect(second.code).toBe(0);
  for (const text of [
    `${keyFile} is there`,
    'up to date already',
    '"Riverbend" is there',
    '"first administrator" is there',
  ])
    expect(second.output).toContain(text);
  expect(keyIn(second.output)).toBe('');
  expect(readFileSync(keyFile, 'utf8')).toBe(encryptionKey);
  expect((await db.query('SELECT name FROM organization')).rows).toEqual([{ name: 'Riverbend' }]);
  expect(await runTool('migrate', [], environment())).toEqual({ code: 0, output: 'The database is up to date.\n' });

  const api = await startProgram('main/api.js', withFile());
  const client = createApiClient(String((await api.ready).url), apiKey);
  const { viewer } = await client.ask<{ viewer: object }>(
    '{ viewer { role organization { name } installation { mode } } }',
  );
  expect(viewer).toEqual({
    role: 'ADMINISTRATOR',
    organization: { name: 'Riverbend' },
    installation: { mode: 'PRODUCTION' },
  });
  expect(await api.stop()).toBe(0);
}, 60_000);

test('§4.1 a wrong key, a missing key and a lost key file stop the start, and nothing is made over them', async () => {
  const [name] = readFileSync(keyFile, 'utf8').split(':');
  const other = randomBytes(32).toString('base64');
  const wrong = {
    [`other:${other}`]: `"${name}", and only "other" is configured`,
    [`${name}:${other}`]: `"${name}" is not the key`,
  };
  for (const [keys, message] of Object.entries(wrong)) {
    for (const file of ['main/api.js', 'main/worker.js'] as const) {
      const child = await startProgram(file, environment({ ENCRYPTION_KEYS: keys }));
      expect(await child.exit).toBe(1);
      expect(child.output()).toContain(message);
      expect(child.output()).not.toContain('    at ');
    }
  }
  const lost = join(folder, 'lost.key');
  for (const env of [environment({ ENCRYPTION_KEYS_FILE: lost }), environment()]) {
    const { code, output } = await runTool('setup', [], env);
    expect([code, output]).toEqual([1, expect.stringContaining('sealed with a key already')]);
  }
  expect(existsSync(lost)).toBe(false);
}, 60_000);

test('§4.1 settings that can not be used and a database out of reach are told in one message each', async () => {
  const bad = await startProgram('main/api.js', {
    DATABASE_URL: 'mysql://x',
    PORT: 'http',
    APPLE_BASE_URL: 'http://apple',
  });
  expect(await bad.exit).toBe(1);
  for (const problem of ['DATABASE_URL must be', 'PORT must be', 'ENCRYPTION_KEYS or', 'APPLE_BASE_URL must begin'])
    expect(bad.output()).toContain(`  - ${problem}`);
  const away = await startProgram('main/worker.js', {
    ...withFile(),
    DATABASE_URL: 'postgresql://u:secret@127.0.0.1:1/x',
  });
  expect(await away.exit).toBe(1);
  expect(away.output()).toContain("PostgreSQL at 127.0.0.1:1/x can't be used: connect ECONNREFUSED");
  expect(away.output()).not.toContain('secret');
  const taken = new URL(String((await (await startProgram('main/api.js', withFile())).ready).url)).port;
  const late = await startProgram('main/api.js', { ...withFile(), PORT: taken });
  expect(await late.exit).toBe(1);
  expect(late.output()).toContain(`Port ${taken} of 127.0.0.1 is taken by another program. Set PORT`);
}, 60_000);
