import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../src/db/client.ts';
import { createOrganization } from '../../../src/domain/access/create-organization.ts';
import { type ScopedClient, scopedClient, UnscopedQueryError } from '../../../src/domain/access/scoped-client.ts';
import { Prisma } from '../../../src/generated/prisma/client.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { addDevice } from '../../graphql/rows.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let testDatabase: TestDatabase;
let database: Database;
let mine: bigint;
let other: bigint;
let db: ScopedClient;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase({ url: testDatabase.url, connections: 3, logger: silentLogger, name: 'scoped test' });
  const services = { prisma: database.prisma, clock: systemClock };
  mine = (await createOrganization(services, { name: 'Mine' })).organizationId;
  other = (await createOrganization(services, { name: 'Other' })).organizationId;
  await addDevice(database.prisma, mine, 'MINE');
  await addDevice(database.prisma, other, 'OTHER');
  db = scopedClient(database.prisma, mine);
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const serials = (rows: { serialNumber: string }[]) => rows.map((row) => row.serialNumber);
const unscoped = (statement: () => Promise<unknown>) => expect(statement).rejects.toThrow(UnscopedQueryError);

describe('S3 reads of one organization', () => {
  test('S3 lists, first rows and counts see one organization, whatever is asked for', async () => {
    expect(serials(await db.device.findMany())).toEqual(['MINE']);
    expect(serials(await db.device.findMany({ where: { organizationId: other } }))).toEqual([]);
    expect(
      serials(await db.device.findMany({ where: { OR: [{ organizationId: other }, { organizationId: mine }] } })),
    ).toEqual(['MINE']);
    expect(await db.device.findFirst({ where: { serialNumber: 'OTHER' } })).toBeNull();
    expect(await db.device.count()).toBe(1);
    expect((await db.device.aggregate({ _count: true }))._count).toBe(1);
    expect(await db.device.groupBy({ by: ['serialNumber'] })).toEqual([{ serialNumber: 'MINE' }]);
    expect((await db.organization.findMany()).map((row) => row.name)).toEqual(['Mine']);
  });

  test('S3 a key of another organization is refused', async () => {
    const key = (organizationId: bigint) => ({
      where: { organizationId_serialNumber: { organizationId, serialNumber: 'OTHER' } },
    });
    expect(await db.device.findUnique(key(mine))).toBeNull();
    await unscoped(() => db.device.findUnique(key(other)));
    expect(await db.organization.findUnique({ where: { id: other } })).toBeNull();
  });

  test('S3 a condition beside a key is no key', async () => {
    await unscoped(() => db.apiKey.findUnique({ where: { hash: 'x', NOT: { organizationId: mine } } }));
    expect(await db.organizationCounter.findUnique({ where: { organizationId: mine } })).not.toBeNull();
    await unscoped(() => db.organizationCounter.findUnique({ where: { organizationId: other } }));
  });

  test('S3 keys that are unique over all organizations are refused', async () => {
    await unscoped(() => db.apiKey.findUnique({ where: { hash: 'x' } }));
    await unscoped(() => db.token.findUnique({ where: { mdmId: '00000000-0000-0000-0000-000000000000' } }));
  });

  test('S3 what belongs to no organization can not be read', async () => {
    await unscoped(() => db.installation.findMany());
    await unscoped(() => db.workerProcess.count());
  });

  test('S3 plain SQL can not be bound and is refused', async () => {
    await unscoped(() => db.$queryRaw`SELECT 1`);
    await unscoped(() => db.$executeRaw`SELECT 1`);
    await unscoped(() => db.$queryRawUnsafe('SELECT 1'));
  });

  test('S3 nothing is written through it', async () => {
    await unscoped(() => db.device.deleteMany());
    await unscoped(() => db.device.updateMany({ data: { name: 'x' } }));
    await unscoped(() => db.apiKey.create({ data: {} as never }));
    expect(await database.prisma.device.count()).toBe(2);
  });

  test('S3 every model is either bound or refused', async () => {
    const models = Object.keys(Prisma.ModelName);
    const refused: string[] = [];
    for (const model of models) {
      const delegate = db[`${model[0]!.toLowerCase()}${model.slice(1)}` as 'device'];
      await delegate.count().catch((error: unknown) => {
        if (!(error instanceof UnscopedQueryError)) throw error;
        refused.push(model);
      });
    }
    expect(refused).toEqual(['Installation', 'ApplePause', 'WorkerProcess']);
  });

  test('S3 a client that asks for no column gets a row', async () => {
    expect(await db.device.findMany({ select: {} })).toHaveLength(1);
    expect(await db.organization.findUnique({ where: { id: mine }, select: {} })).toEqual({ id: mine });
  });
});
