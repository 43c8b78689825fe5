import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../src/db/rows.ts';
import { countApps } from '../../src/domain/app/counts.ts';
import { setAppStatus } from '../../src/domain/app/set-status.ts';
import { NotFoundError } from '../../src/domain/errors.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { bookReader, plainApps, school, unlistedSerialNumber } from '../../src/simulator/index.ts';
import { expectRightBooks, newTenant, readTask, readToken } from '../domain/sync/support.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const ownApp = (organizationId: bigint, adamId: string) =>
  world.database.prisma.app.findUniqueOrThrow({ where: { organizationId_adamId: { organizationId, adamId } } });
const ownPool = (tokenId: bigint, adamId: string) =>
  world.database.prisma.licensePool.findFirstOrThrow({ where: { tokenId, adamId } });

test('F8 S37 S65 S67 a sync brings the whole library in: apps, pools, licenses, holders, books', async () => {
  const { upload, start, finish, organizationId } = await newTenant(world);
  const tokenId = await upload();
  const taskId = await start(tokenId);
  expect(await readTask(world, taskId)).toMatchObject({ state: 'QUEUED', kind: 'SYNC', startedAt: null });
  const task = await finish(taskId);
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', cause: null, failed: 0n });
  expect(task.completed).toBe(task.requested);
  await expectRightBooks(world, tokenId);
  expect((await readToken(world, tokenId)).sync).toMatchObject({ completeness: 'COMPLETE', rerun: false });
  expect(await world.database.prisma.app.count({ where: { organizationId } })).toBe(
    world.simulator.admin.truth({ uId: schoolUnits.own }).assets.length,
  );
});

test('S43 licenses made outside are EXTERNAL, their beginning is unknown, and their ledger lines are OPENING', async () => {
  const { library } = await newTenant(world);
  const tokenId = await library();
  const licenses = await world.database.prisma.license.findMany({ where: { tokenId } });
  expect(licenses.every((one) => one.source === 'EXTERNAL' && one.opening && one.state === 'CONFIRMED')).toBe(true);
  const kinds = await world.database.pool.query(
    'SELECT DISTINCT g.kind FROM ledger g JOIN license_pool p ON p.id = g.pool_id WHERE p.token_id = $1',
    [String(tokenId)],
  );
  expect(kinds.rows).toEqual([{ kind: 'OPENING' }]);
});

test('S43 a later find is no opening: its ledger line is FOUND', async () => {
  const { library, sync } = await newTenant(world);
  const tokenId = await library();
  world.simulator.admin.assign({ uId: schoolUnits.own, adamId: plainApps[5]!, serialNumber: 'SIMLATER0001' });
  await sync(tokenId);
  const license = await world.database.prisma.license.findFirstOrThrow({
    where: { tokenId, serialNumber: 'SIMLATER0001' },
  });
  const { rows } = await world.database.pool.query('SELECT kind, held_delta FROM ledger WHERE license_id = $1', [
    String(license.id),
  ]);
  expect(rows).toEqual([{ kind: 'FOUND', held_delta: 1 }]);
});

test('S43 serials and users that nobody listed get rows of origin LICENSE; a user license holds a user', async () => {
  const { library, organizationId } = await newTenant(world);
  const tokenId = await library();
  const device = await world.database.prisma.device.findUniqueOrThrow({
    where: { organizationId_serialNumber: { organizationId, serialNumber: unlistedSerialNumber } },
    include: { licenses: true },
  });
  expect(device).toMatchObject({ origin: 'LICENSE', family: 'UNKNOWN' });
  expect(device.licenses).toHaveLength(1);
  const user = await world.database.prisma.vppUser.findFirstOrThrow({
    where: { tokenId },
    include: { licenses: true },
  });
  expect(user.clientUserId).toBe(bookReader);
  expect(user.licenses.map((one) => [one.adamId, one.serialNumber, one.deviceId])).toEqual(
    expect.arrayContaining([
      [school.book, null, null],
      [school.notForDevices, null, null],
    ]),
  );
});

test('S36 an app is one app for two tokens and however often they are synced', async () => {
  const { library, sync, organizationId } = await newTenant(world);
  const own = await library('own');
  const before = await ownApp(organizationId, school.exactly300);
  const district = await library('district');
  await sync(own);
  await sync(district);
  expect(await ownApp(organizationId, school.exactly300)).toEqual(before);
  expect(await world.database.prisma.licensePool.count({ where: { organizationId, appId: before.id } })).toBe(2);
});

test('S36 a new app seen by a sync enters the store by itself, with the status that new apps get', async () => {
  const { library, sync, organizationId } = await newTenant(world);
  const tokenId = await library();
  await world.database.prisma.organization.update({ where: { id: organizationId }, data: { newAppStatus: 'REVIEW' } });
  world.simulator.admin.addAsset({ uId: schoolUnits.own, adamId: '9000000999', total: 5 });
  await sync(tokenId);
  expect(await ownApp(organizationId, '9000000999')).toMatchObject({ status: 'REVIEW', productType: 'APP' });
  expect(await ownApp(organizationId, school.exactly300)).toMatchObject({ status: 'RELEASE' });
});

test('S40 S41 S42 totals are Apple’s, used is what is held, and total = available + used; retired stand apart', async () => {
  const { library, organizationId } = await newTenant(world);
  const tokenId = await library();
  const counts = await countApps(preparedRows(world.database.pool), { organizationId, appIds: null, tokenId });
  for (const asset of world.simulator.admin.truth({ uId: schoolUnits.own }).assets) {
    const app = await ownApp(organizationId, asset.adamId);
    const { unlimited, total, available, used, retired, overdrawn, drift } = counts.get(app.id)!;
    expect({ unlimited, used, retired, overdrawn, drift }).toEqual({
      unlimited: asset.unlimited,
      used: BigInt(asset.assigned),
      retired: BigInt(asset.retired),
      overdrawn: 0n,
      drift: 0n,
    });
    expect({ total, available }).toEqual(
      asset.unlimited
        ? { total: null, available: null }
        : { total: BigInt(asset.total), available: BigInt(asset.total - asset.assigned) },
    );
  }
});

test('F3 Apple’s lagging numbers never overwrite ours: they stand beside as drift', async () => {
  const { library, sync, organizationId } = await newTenant(world);
  const tokenId = await library();
  world.simulator.admin.setOptions({ countLagSeconds: 3_600 });
  for (const serialNumber of ['SIMLAG000001', 'SIMLAG000002']) {
    world.simulator.admin.assign({ uId: schoolUnits.own, adamId: school.twentyFive, serialNumber });
  }
  await sync(tokenId);
  await sync(tokenId);
  world.simulator.admin.setOptions({ countLagSeconds: 0 });
  const app = await ownApp(organizationId, school.twentyFive);
  const query = { organizationId, appIds: [app.id], tokenId };
  expect((await countApps(preparedRows(world.database.pool), query)).get(app.id)).toMatchObject({
    used: 2n,
    drift: 2n,
  });
  await sync(tokenId);
  expect((await countApps(preparedRows(world.database.pool), query)).get(app.id)).toMatchObject({
    used: 2n,
    drift: 0n,
  });
});

test('S41 a refund below what is used makes the pool overdrawn, and is stored', async () => {
  const { library, sync, organizationId } = await newTenant(world);
  const tokenId = await library();
  world.simulator.admin.setAsset({ uId: schoolUnits.own, adamId: school.usedUp, total: 20 });
  await sync(tokenId);
  const app = await ownApp(organizationId, school.usedUp);
  const counts = await countApps(preparedRows(world.database.pool), { organizationId, appIds: [app.id], tokenId });
  expect(counts.get(app.id)).toMatchObject({ total: 20n, used: 30n, available: 0n, overdrawn: 10n });
});

test('S31 deviceAssignable is stored, and a change at Apple comes with the next sync', async () => {
  const { library, sync } = await newTenant(world);
  const tokenId = await library();
  expect(await ownPool(tokenId, school.notForDevices)).toMatchObject({ deviceAssignable: false });
  world.simulator.admin.setAsset({ uId: schoolUnits.own, adamId: school.notForDevices, deviceAssignable: true });
  await sync(tokenId);
  expect(await ownPool(tokenId, school.notForDevices)).toMatchObject({ deviceAssignable: true });
});

test('S35 free apps have pools like paid ones, and a price of 0', async () => {
  const { library, organizationId } = await newTenant(world);
  const tokenId = await library();
  const free = await ownApp(organizationId, plainApps[0]!);
  const paid = await ownApp(organizationId, school.exactly300);
  expect([free.price?.toNumber(), paid.price?.toNumber()]).toEqual([0, 4.99]);
  expect(await ownPool(tokenId, plainApps[0]!)).toMatchObject({ unlimited: true, held: 12n });
});

test('S39 the status changes for many apps at once or for none, is audited, and a sync leaves it', async () => {
  const { library, sync, context, organizationId } = await newTenant(world);
  const tokenId = await library();
  const apps = await world.database.prisma.app.findMany({ where: { organizationId }, take: 3 });
  const appIds = apps.map((app) => app.id);
  for (const status of ['DEVELOPMENT', 'REVIEW', 'RELEASE', 'DEVELOPMENT'] as const) {
    expect(await setAppStatus(context, { appIds, status })).toEqual(appIds);
  }
  await expect(setAppStatus(context, { appIds: [...appIds, 999_999n], status: 'RELEASE' })).rejects.toThrow(
    NotFoundError,
  );
  await sync(tokenId);
  const after = await world.database.prisma.app.findMany({ where: { organizationId, id: { in: appIds } } });
  expect(after.map((app) => app.status)).toEqual(['DEVELOPMENT', 'DEVELOPMENT', 'DEVELOPMENT']);
  expect(await world.database.prisma.auditEntry.count({ where: { organizationId, action: 'app.set-status' } })).toBe(4);
});

test('S71 parallel calls join one sync; one that comes while it runs makes it run once more, and only once', async () => {
  const { upload, context, organizationId } = await newTenant(world);
  const tokenId = await upload();
  const calls = await Promise.all(
    Array.from({ length: 8 }, () => syncLicenses(context, { tokenIds: [tokenId, tokenId] })),
  );
  const taskIds = new Set(calls.flatMap(({ syncs }) => syncs.map((sync) => sync.taskId)));
  expect(taskIds.size).toBe(1);
  expect(calls.flatMap(({ syncs }) => syncs.filter((sync) => !sync.joined))).toHaveLength(1);

  let joined: Promise<unknown> = Promise.resolve();
  let asked = false;
  world.services.failpoint = (point) => {
    if (point !== 'sync-block' || asked) return;
    asked = true;
    joined = syncLicenses(context, { tokenIds: [tokenId] });
  };
  await world.work();
  world.services.failpoint = () => {};
  expect(await joined).toMatchObject({ syncs: [{ tokenId, taskId: [...taskIds][0]!, joined: true }] });
  await world.work();
  const tasks = await world.database.prisma.task.findMany({ where: { organizationId, kind: 'SYNC' } });
  expect(tasks.map((task) => task.state)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  await expectRightBooks(world, tokenId);
});

test('S37 all tokens: one task each, those that can’t be read are named', async () => {
  const { upload, context } = await newTenant(world);
  const own = await upload('own');
  const district = await upload('district');
  const bare = await upload('business', { email: null });
  const { syncs, skipped } = await syncLicenses(context, {});
  expect(syncs.map((sync) => [sync.tokenId, sync.joined])).toEqual([
    [own, false],
    [district, false],
  ]);
  expect(skipped).toEqual([{ tokenId: bare, state: 'INCOMPLETE' }]);
  await world.work();
  await expectRightBooks(world, own);
  await expectRightBooks(world, district, schoolUnits.district);
});

test('S37 a call for all tokens never holds the organization’s counter while it waits for a sync that ends', async () => {
  const { library, context, organizationId } = await newTenant(world);
  await library('own');
  const district = await library('district');
  const ending = await world.database.pool.connect();
  await ending.query('BEGIN');
  await ending.query('SELECT 1 FROM token_sync WHERE token_id = $1 FOR UPDATE', [String(district)]);
  const call = syncLicenses(context, {});
  const waits = `SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()`;
  expect(await eventually(async () => (await world.database.pool.query(waits)).rowCount)).toBeGreaterThan(0);
  await ending.query('UPDATE organization_counter SET seq = seq WHERE organization_id = $1', [String(organizationId)]);
  await ending.query('COMMIT');
  ending.release();
  expect((await call).syncs).toHaveLength(2);
  await world.work();
});
