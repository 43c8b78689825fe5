import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiClient } from '../support/process-client.ts';
import { type ApiProcess, type Processes, startProcesses } from '../support/processes.ts';
import { runTool } from '../support/tool.ts';

let processes: Processes;
let api: ApiProcess;
let env: Record<string, string>;

beforeAll(async () => {
  processes = await startProcesses();
  api = await processes.api();
  env = { DATABASE_URL: processes.db.options.connectionString! };
}, 60_000);
afterAll(() => processes.close());

const admin = (...args: string[]) => runTool('admin', args, env);
const keyIn = (text: string) => /^rk_[\w-]{43}$/m.exec(text)?.[0] ?? '';
const audit = async (action: string) =>
  (
    await processes.db.query(
      'SELECT actor, subject, correlation_id FROM audit_entry WHERE action = $1 ORDER BY id DESC',
      [action],
    )
  ).rows;

test('§4.1 organizations and keys from the command line: made, listed, used through the API, revoked, audited', async () => {
  const made = await admin('create-organization', '--name', 'Hillside', '--time-zone', 'Europe/Zurich');
  expect([made.code, made.output]).toEqual([0, expect.stringContaining('"Hillside" made')]);
  expect((await admin('list-organizations')).output).toMatch(/^\d+ +Hillside +Europe\/Zurich/m);
  expect(await audit('organization.create')).toMatchObject([{ actor: 'system:admin' }, { actor: 'system:setup' }]);

  const options = ['--role', 'appstore-manager', '--scopes', 'organization:read, apps:read', '--expires', '90d'];
  const created = await admin('create-key', '--organization', 'Hillside', '--name', 'console', ...options);
  expect(created.code).toBe(0);
  const key = keyIn(created.output);
  const client = createApiClient(api.url, key);
  const query = '{ viewer { name role scopes organization { name } } }';
  expect(await client.ask(query)).toEqual({
    viewer: {
      ...{ name: 'console', role: 'APPSTORE_MANAGER', scopes: expect.arrayContaining(['APPS_READ']) },
      organization: { name: 'Hillside' },
    },
  });
  const [entry] = await audit('api-key.create');
  expect(entry).toMatchObject({ actor: 'system:admin', correlation_id: expect.stringMatching(/^admin-/) });
  const id = /^API key (\d+) /.exec(created.output)![1]!;
  expect(entry.subject).toBe(`api-key:${id}`);
  const list = (await admin('list-keys', '--organization', 'Hillside')).output;
  expect(list).toMatch(new RegExp(`^${id} +console +Hillside +APPSTORE_MANAGER +2 of \\d+ +\\S+ +\\S+ +valid$`, 'm'));
  expect(list).not.toContain(key);

  expect(await admin('revoke-key', '--organization', 'Hillside', '--key', id)).toMatchObject({ code: 0 });
  expect((await client.send(query)).status).toBe(401);
  expect(await audit('api-key.revoke')).toMatchObject([{ actor: 'system:admin', subject: `api-key:${id}` }]);
  expect((await admin('list-keys')).output).toMatch(new RegExp(`^${id} .* revoked$`, 'm'));
}, 60_000);

test.each([
  [['make-coffee'], 'There is no command "make-coffee"'],
  [['create-key', '--organization', '1', '--name', 'x'], '--role <role> is missing'],
  [['create-key', '--organization', '1', '--name', 'x', '--role', 'king'], '--role must be one of ADMINISTRATOR'],
  [
    ['create-key', '--organization', '1', '--name', 'x', '--role', 'EMPLOYEE', '--scopes', 'all'],
    'no right "all"; the rights are',
  ],
  [
    ['create-key', '--organization', '1', '--name', 'x', '--role', 'EMPLOYEE', '--expires', 'soon'],
    'a number of days such as 90d',
  ],
  [
    ['create-key', '--organization', 'Nowhere', '--name', 'x', '--role', 'EMPLOYEE'],
    'There is no organization "Nowhere"',
  ],
  [
    ['create-key', '--organization', '1', '--name', 'x', '--role', 'EMPLOYEE', '--expires', '2020-01-01'],
    'must be in the future',
  ],
  [['create-organization', '--name', 'x', '--time-zone', 'Mars/North'], 'must be an IANA time zone'],
  [['create-organization', '--nam', 'x'], "Unknown option '--nam'"],
  [['revoke-key', '--organization', '1', '--key', '999'], 'API key'],
])('§4.1 a mistake is told and nothing is done: %j', async (args, message) => {
  const before = (await processes.db.query('SELECT count(*) FROM audit_entry')).rows;
  const { code, output } = await admin(...args);
  expect([code, output]).toEqual([1, expect.stringContaining(message)]);
  expect(output).not.toContain('    at ');
  expect((await processes.db.query('SELECT count(*) FROM audit_entry')).rows).toEqual(before);
});

test('§4.1 end-pauses lets calls leave again that Apple asked to hold', async () => {
  expect(await admin('end-pauses')).toMatchObject({ code: 0, output: expect.stringContaining('Nothing was changed') });
  await processes.db.query("INSERT INTO apple_pause (host, until) VALUES ('apple.example', now() + interval '1 day')");
  expect(await admin('end-pauses')).toMatchObject({
    code: 0,
    output: expect.stringContaining('Ended: apple.example.'),
  });
  expect(await admin('end-pauses', '--token', 'north')).toMatchObject({ code: 1 });
}, 60_000);

test('§4.1 help needs no database', async () => {
  for (const args of [[], ['--help'], ['create-key', '--help']]) {
    expect(await runTool('admin', args, {})).toMatchObject({
      code: 0,
      output: expect.stringContaining('npm run admin --'),
    });
  }
});

test('§4.1 adopt-database gives the database the name that the command runs with, once, and audits it', async () => {
  const adopt = (INSTALLATION_ID: string) => runTool('admin', ['adopt-database'], { ...env, INSTALLATION_ID });
  const marker = async () => (await processes.db.query('SELECT marker FROM installation')).rows[0].marker;
  const viewer = async () => {
    const client = createApiClient(api.url, api.key);
    return client.ask<{ viewer: { installation: { marker: string } } }>('{ viewer { installation { marker } } }');
  };
  expect(await viewer()).toMatchObject({ viewer: { installation: { marker: 'UNMARKED' } } });
  expect(await adopt('x')).toMatchObject({ code: 1, output: expect.stringContaining('INSTALLATION_ID must have') });
  expect(await adopt('first-installation')).toMatchObject({
    code: 0,
    output: expect.stringContaining('"first-installation" now'),
  });
  // The API of this test was started without a name, so for it the database is another one's.
  expect(await viewer()).toMatchObject({ viewer: { installation: { marker: 'FOREIGN' } } });
  expect(await adopt('first-installation')).toMatchObject({ output: expect.stringContaining('Nothing was changed') });
  await adopt('second-installation');
  expect(await marker()).toBe('second-installation');
  const [entry] = await audit('installation.confirm');
  expect(entry).toMatchObject({ actor: 'system:admin', correlation_id: expect.stringMatching(/^admin-/) });
}, 60_000);
