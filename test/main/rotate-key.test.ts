import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/db/client.ts';
import { secretRow } from '../../src/domain/token/exchange.ts';
import { createKeyRing } from '../../src/domain/token/key-ring.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { eventually } from '../support/eventually.ts';
import { endOfTask, startSync, uploadToken } from '../support/process-steps.ts';
import { type Processes, startProcesses } from '../support/processes.ts';
import { addTokens } from '../support/sealed-tokens.ts';
import { runTool, startTool } from '../support/tool.ts';

const older = { id: 'old', bytes: randomBytes(32) };
const newer = { id: 'new', bytes: randomBytes(32) };
const list = (...keys: { id: string; bytes: Uint8Array }[]) =>
  keys.map(({ id, bytes }) => `${id}:${Buffer.from(bytes).toString('base64')}`).join(',');
const many = 600;

let processes: Processes;
beforeAll(async () => {
  processes = await startProcesses();
}, 60_000);
afterAll(() => processes.close());

const env = (keys: string) => ({ DATABASE_URL: processes.db.options.connectionString!, ENCRYPTION_KEYS: keys });
const only = (keys: string) => ({ ENCRYPTION_KEYS: keys });

async function under(keyId: string): Promise<number> {
  const { rows } = await processes.db.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM token WHERE key_id = $1',
    [keyId],
  );
  return rows[0]!.count;
}

async function addMany(organizationId: bigint): Promise<void> {
  const url = processes.db.options.connectionString!;
  const database = openDatabase({ url, connections: 2, logger: silentLogger, name: 'test' });
  await addTokens(database, organizationId, createKeyRing([older]), many);
  await database.close();
}

test('§4.2 rotate-key is killed in the middle and resumed while API and worker run; then the new key alone does', async () => {
  const first = await processes.api(only(list(older)));
  const file = (await processes.simulator.token('own')).text;
  const tokenId = await uploadToken(first, file);
  const { rows } = await processes.db.query<{ id: string }>('SELECT organization_id AS id FROM token');
  await addMany(BigInt(rows[0]!.id));
  expect(await first.child.stop()).toBe(0);

  const both = list(newer, older);
  const api = await processes.api(only(both));
  await processes.worker(only(both));
  const tool = startTool('rotate-key', [], env(both));
  expect(await eventually(() => /secrets rewrapped/.test(tool.output()))).toBe(true);
  tool.signal('SIGKILL');
  expect(await tool.exit).toBe('SIGKILL');
  const left = await under('old');
  expect(left).toBeGreaterThan(0);
  expect(await under('new')).toBeGreaterThanOrEqual(100);
  // What is half done stands in nobody's way, but the old key is still needed.
  expect(await endOfTask(api, await startSync(api, tokenId))).toMatchObject({ state: 'SUCCEEDED' });
  await expect(processes.api(only(list(newer)))).rejects.toThrow(/encryption key "old".*only "new" is configured/);

  const resumed = await runTool('rotate-key', [], env(both));
  expect(resumed.output).toContain(`${left} secrets rewrapped, 0 left`);
  expect([resumed.code, resumed.output]).toEqual([0, expect.stringContaining('Remove "old" from ENCRYPTION_KEYS')]);
  const again = await runTool('rotate-key', [], env(both));
  expect([again.code, again.output]).toEqual([0, expect.not.stringContaining('rewrapped')]);

  await processes.killWorkers();
  expect(await api.child.stop()).toBe(0);
  const after = await processes.api(only(list(newer)));
  await processes.worker(only(list(newer)));
  expect(await endOfTask(after, await startSync(after, tokenId))).toMatchObject({ state: 'SUCCEEDED' });
  // The very same file is still recognized: its mark does not hang on an encryption key.
  const { uploadToken: same } = await after.ask<{ uploadToken: object }>(
    'mutation ($input: UploadTokenInput!) { uploadToken(input: $input) { ... on UploadTokenPayload { changed token { id } } } }',
    { input: { file, email: 'it@example.org' } },
  );
  expect(same).toEqual({ changed: false, token: { id: tokenId } });
  await expectSecrets();
  expect(processes.output()).not.toContain('"level":"error"');
}, 120_000);

/** Every secret is what it was, under the new key alone. */
async function expectSecrets(): Promise<void> {
  const ring = createKeyRing([newer]);
  const { rows } = await processes.db.query<{ jwe: string; mdm: string; label: string }>(
    `SELECT secret_jwe AS jwe, mdm_id AS mdm, label FROM token WHERE label LIKE 'Library %' AND u_id LIKE 'unit-%'`,
  );
  expect(rows).toHaveLength(many);
  for (const { jwe, mdm, label } of rows)
    expect(await ring.open(jwe, secretRow(mdm))).toBe(label.replace('Library', 'secret'));
}

test('§4.2 rotate-key makes a key on request and refuses a database that belongs to others', async () => {
  const made = await runTool('rotate-key', ['--new-key'], {});
  const [, base64 = ''] = /^[\w-]+:(\S+)\n$/.exec(made.output) ?? [];
  expect(Buffer.from(base64, 'base64')).toHaveLength(32);
  const { code, output } = await runTool('rotate-key', [], env(list(older)));
  expect([code, output]).toEqual([1, expect.stringContaining('"new", and only "old" is configured')]);
});
