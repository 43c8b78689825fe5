import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/db/client.ts';
import { preparedRows } from '../../src/db/rows.ts';
import { transaction } from '../../src/db/transaction.ts';
import { createOrganization } from '../../src/domain/access/create-organization.ts';
import { type NoticeFacts, noticesAbove, writeNotice } from '../../src/domain/token/notices.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createRealtime, type Realtime } from '../../src/realtime/index.ts';
import { addToken } from '../graphql/rows.ts';
import { createTestDatabase } from '../support/database.ts';

let database: Database;
let drop: () => Promise<void>;
let realtime: Realtime;
let organizationId: bigint;
let tokenId: bigint;
let ending: AbortController;

beforeAll(async () => {
  const testDatabase = await createTestDatabase();
  drop = testDatabase.drop;
  database = openDatabase({ url: testDatabase.url, connections: 12, logger: silentLogger, name: 'test' });
  realtime = await createRealtime({ database, clock: systemClock, logger: silentLogger, limits: { eventPage: 3 } });
});
afterAll(async () => {
  await realtime.close();
  await database.close();
  await drop();
});
beforeEach(async () => {
  ending = new AbortController();
  organizationId = (await createOrganization({ ...database, clock: systemClock }, { name: 'Notices' })).organizationId;
  tokenId = (await addToken(database.prisma, organizationId)).id;
});
afterEach(() => ending.abort());

const facts: NoticeFacts = {
  cycle: 1,
  expiresAt: new Date('2027-01-01T00:00:00Z'),
  foreignMdm: null,
  appleErrorNumber: null,
};
let cycle = 1;
const tell = (token = tokenId) =>
  transaction(database, (tx) =>
    writeNotice(
      tx,
      { organizationId, tokenId: token },
      { ...facts, cycle: cycle++, kind: 'EXPIRING', rung: 7 },
      new Date(),
    ),
  );
const watch = (after: bigint | null, token: bigint | null = null) =>
  realtime.notices
    .tokenNotices({ organizationId, tokenId: token, after, signal: ending.signal })
    [Symbol.asyncIterator]();
type Reader = ReturnType<typeof watch>;
const seqs = async (reader: Reader, count: number) => {
  const found: bigint[] = [];
  while (found.length < count) found.push((await reader.next()).value!.notice!.seq);
  return found;
};
const all = async () =>
  (await noticesAbove(preparedRows(database.pool), organizationId, 0n, 10_000)).map((notice) => notice.seq);

test('F7 a new reader learns where it begins, and then gets everything that comes', async () => {
  await tell();
  const reader = watch(null);
  const first = (await reader.next()).value!;
  expect(first.notice).toBeNull();
  await tell();
  const second = (await reader.next()).value!;
  expect(second.notice).toMatchObject({ tokenId, kind: 'EXPIRING', rung: 7 });
  expect(second.cursor).not.toBe(first.cursor);
});

test('F7 whoever comes back with a cursor gets each notice behind it once, in order, over several pages', async () => {
  for (let round = 0; round < 8; round++) await tell();
  const known = await all();
  const reader = watch(known[1]!);
  expect(await seqs(reader, 6)).toEqual(known.slice(2));
  await tell();
  expect(await seqs(reader, 1)).toEqual((await all()).slice(-1));
});

test('F7 writers that come at the same time leave no gap for a reader: what is seen later stands behind', async () => {
  const reader = watch(0n);
  const writers = Promise.all(Array.from({ length: 40 }, () => tell()));
  const seen = await seqs(reader, 40);
  await writers;
  expect(seen).toEqual(await all());
});

test('F7 a reader of one token hears nothing of the others', async () => {
  const other = (await addToken(database.prisma, organizationId)).id;
  const reader = watch(0n, other);
  await tell();
  await tell(other);
  await tell();
  expect((await reader.next()).value!.notice).toMatchObject({ tokenId: other });
});
