import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { removeToken } from '../../src/domain/token/remove.ts';
import { renewToken } from '../../src/domain/token/renew.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { school } from '../../src/simulator/index.ts';
import { newTenant } from '../domain/sync/support.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** Every text, JSON and byte column of every table, graphile-worker's too, as one text. */
async function dump(): Promise<string> {
  const { rows } = await world.database.pool.query<{ table: string }>(
    `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS table FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  const parts: string[] = [];
  for (const { table } of rows) {
    const content = await world.database.pool.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t`);
    parts.push(table, ...content.rows.map(({ row }) => row));
  }
  return parts.join('\n');
}

/** A logger that keeps everything it is given, errors with their stacks and causes, and hides nothing. */
function collect(lines: string[]): Logger {
  const write = (fields: object, message: string) => void lines.push(`${message} ${inspect(fields, { depth: 9 })}`);
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  return logger;
}

/** No stretch of 20 characters of the secrets may be in the text. */
function expectHidden(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    for (let start = 0; start + 20 <= secret.length; start += 10) {
      if (text.includes(secret.slice(start, start + 20))) throw new Error(`a part of a secret was found at ${start}`);
    }
  }
}

test('S10 the secret is in no table, no log line, no answer and no error, through a token’s whole life', async () => {
  const tenant = await newTenant(world);
  const { admin } = world.simulator;
  const lines: string[] = [];
  const logger = collect(lines);
  world.services.logger = logger;
  world.services.apple = createAppleLibrary({ baseUrl: `${world.simulator.url}/mdm/v2`, clock: world.clock, logger });
  const context = { ...tenant.context, logger, apple: world.services.apple };
  admin.issueToken({
    name: 'own',
    as: 'newer',
    expDate: new Date(world.clock.now().getTime() + 340 * 86_400_000).toISOString(),
  });
  const used = admin.tokens().filter((token) => ['own', 'newer', 'revoked'].includes(token.name));
  const secrets = used.flatMap((token) => [token.text, token.innerToken]);
  const answers: unknown[] = [];
  const file = admin.tokenFile('own');

  const uploaded = await uploadToken(context, { file, email: 'it@example.org' });
  expectHidden(await dump(), secrets);
  answers.push(uploaded, await uploadToken(context, { file }));
  answers.push(await uploadToken(context, { file: admin.tokenFile('revoked') }).catch((error) => error));
  answers.push(await uploadToken(context, { file: file.slice(0, -7) }).catch((error) => error));
  answers.push(await uploadToken(context, { file, email: 'no address' }).catch((error) => error));
  await tenant.sync(uploaded.tokenId);
  const app = await world.database.prisma.app.findFirstOrThrow({
    where: { organizationId: tenant.organizationId, adamId: school.oneSeat },
  });
  answers.push(
    await associateLicenses(context, { appIds: [app.id], target: { serialNumbers: ['NOBODY'] } }).catch(
      (error) => error,
    ),
  );
  answers.push(await renewToken(context, { tokenId: uploaded.tokenId, file: admin.tokenFile('newer') }));
  admin.faults.add({ match: { operation: 'getAssignments' }, fault: { kind: 'html' } });
  await tenant.sync(uploaded.tokenId);
  admin.faults.clear();
  admin.faults.add({ match: { operation: 'getAssets' }, fault: { kind: 'error', errorNumber: 9622 } });
  await tenant.sync(uploaded.tokenId);
  const stored = await dump();
  answers.push(await removeToken(context, { tokenId: uploaded.tokenId, confirm: true }));

  expect(stored).toContain('eyJ');
  expectHidden(stored, secrets);
  expect(await dump()).not.toContain('eyJ');
  expect(lines.length).toBeGreaterThan(5);
  expectHidden(lines.join('\n'), secrets);
  expectHidden(inspect(answers, { depth: 9, maxStringLength: null }), secrets);
  expect(() => expectHidden(`x${file}`, secrets)).toThrow('part of a secret');
});
