import { createHash, createHmac, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/client.ts';
import { openInstallation } from '../../../src/domain/installation/open.ts';
import { WrongKeyError } from '../../../src/domain/installation/wrong-key.ts';
import { createSecretBox } from '../../../src/domain/token/secret-box.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url, connections: 8, logger: silentLogger, name: 'test' });
});
beforeEach(() => database.prisma.installation.deleteMany());
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const key = (id: string) => ({ id, bytes: randomBytes(32) });
const open = (...keys: ReturnType<typeof key>[]) =>
  openInstallation({ prisma: database.prisma, clock: systemClock }, keys);

test('§4.1 the first start makes the secret, processes that start together agree on it, and it stays', async () => {
  const mine = key('a');
  const opened = await Promise.all([open(mine), open(mine), open(mine), open(mine)]);
  const secrets = new Set(opened.map(({ secret }) => Buffer.from(secret).toString('hex')));
  expect(secrets.size).toBe(1);
  const row = await database.prisma.installation.findUniqueOrThrow({ where: { id: 1 } });
  expect(row).toMatchObject({ keyId: 'a', keyFingerprint: null });
  expect(JSON.stringify(row)).not.toContain(Buffer.from(opened[0].secret).toString('base64url'));
  expect(Buffer.from((await open(key('new'), mine)).secret).toString('hex')).toBe([...secrets][0]);
});

test('§4.1 a missing key and another key of the same name are refused, and the message names them', async () => {
  await open(key('a'));
  await expect(open(key('b'), key('c'))).rejects.toThrow(WrongKeyError);
  await expect(open(key('b'), key('c'))).rejects.toThrow(/sealed with the encryption key "a".*only "b", "c"/);
  await expect(open(key('a'))).rejects.toThrow(/"a" is not the key "a"/);
});

test('§4.2 a database from before the secret: its oldest key proves itself, and the marks stay as they were', async () => {
  const oldest = key('oldest');
  const fingerprint = createHash('sha256').update('russet key').update(oldest.bytes).digest('hex').slice(0, 32);
  await database.prisma.installation.create({ data: { id: 1, keyFingerprint: fingerprint, createdAt: new Date() } });
  await expect(open(key('other'))).rejects.toThrow('"other" does not belong to this database');
  const { ring, secret } = await open(key('new'), oldest);
  const mark = createHmac('sha256', oldest.bytes).update('file').digest('hex');
  expect(createSecretBox(ring, secret).mark('file')).toBe(mark);
  const row = await database.prisma.installation.findUniqueOrThrow({ where: { id: 1 } });
  expect(row).toMatchObject({ keyId: 'new', keyFingerprint: null });
});
