import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { upsertDevices } from '../../src/domain/device/upsert.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../src/domain/license/revoke.ts';
import { writeLicenses } from '../../src/domain/license/write-licenses.ts';
import type { AssignmentRow } from '../../src/domain/ports.ts';
import { refreshAsset } from '../../src/domain/sync/refresh-asset.ts';
import { runSync } from '../../src/domain/sync/run.ts';
import { school } from '../../src/simulator/index.ts';
import {
  bendAnswers,
  expectBalance,
  expectRightBooks,
  liveHere,
  newTenant,
  readTask,
  type Tenant,
} from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
const unbend: (() => void)[] = [];
beforeAll(async () => {
  world = await createWorld();
});
afterEach(() => {
  for (const undo of unbend.splice(0).reverse()) undo();
});
afterAll(() => world.close());

const uId = schoolUnits.own;
const appOf = async ({ organizationId }: Tenant, adamId: string) =>
  (await world.database.prisma.app.findUniqueOrThrow({ where: { organizationId_adamId: { organizationId, adamId } } }))
    .id;
const licenseOf = (tokenId: bigint, adamId: string, serialNumber: string) =>
  world.database.prisma.license.findFirstOrThrow({
    where: { tokenId, adamId, serialNumber },
    orderBy: { id: 'desc' },
  });

/** Puts a device of the tenant on its list. */
async function listDevice({ context, organizationId }: Tenant, serialNumber: string): Promise<bigint> {
  await upsertDevices(context, { devices: [{ serialNumber, family: 'IPAD', osVersion: '26.1' }] });
  return (
    await world.database.prisma.device.findUniqueOrThrow({
      where: { organizationId_serialNumber: { organizationId, serialNumber } },
    })
  ).id;
}

/** From now on Apple's whole list does not show the rows that `hidden` picks, and says that it changed under way. */
function hideRows(hidden: (row: AssignmentRow) => boolean, options: { everywhere?: boolean } = {}): void {
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page, query) => {
      const whole = query.adamId === undefined && query.serialNumber === undefined && query.clientUserId === undefined;
      if (!whole && !options.everywhere) return page;
      return { ...page, versionId: null, rows: page.rows.filter((row) => !hidden(row)) };
    }),
  );
}

test('F3 a license that somebody took back at Apple ends as GONE_AT_APPLE, and its seat is free', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  world.simulator.admin.unassign({ uId, ...gone! });
  const task = await tenant.sync(tokenId);
  const license = await licenseOf(tokenId, school.usedUp, gone!.serialNumber!);
  expect(license).toMatchObject({
    state: 'GONE_AT_APPLE',
    endReason: 'NOT_LISTED_BY_APPLE',
    endedAt: world.clock.now(),
  });
  const { rows } = await world.database.pool.query(
    'SELECT kind, held_delta, task_id, actor FROM ledger WHERE license_id = $1 ORDER BY id DESC LIMIT 1',
    [String(license.id)],
  );
  expect(rows).toEqual([{ kind: 'GONE', held_delta: -1, task_id: String(task.id), actor: 'system:sync' }]);
  await expectRightBooks(world, tokenId);
});

test('F3 a license of ours that was taken back outside is GONE_AT_APPLE too, and can be given again', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const deviceId = await listDevice(tenant, 'SIMOURS00001');
  const appIds = [await appOf(tenant, school.oneSeat)];
  await associateLicenses(tenant.context, { appIds, target: { deviceIds: [deviceId] } });
  await world.settle();
  world.simulator.admin.unassign({ uId, adamId: school.oneSeat, serialNumber: 'SIMOURS00001' });
  await tenant.sync(tokenId);
  expect(await licenseOf(tokenId, school.oneSeat, 'SIMOURS00001')).toMatchObject({
    state: 'GONE_AT_APPLE',
    source: 'RUSSET',
  });
  await associateLicenses(tenant.context, { appIds, target: { deviceIds: [deviceId] } });
  await world.settle();
  await tenant.sync(tokenId);
  expect(await licenseOf(tokenId, school.oneSeat, 'SIMOURS00001')).toMatchObject({ state: 'CONFIRMED' });
  await expectRightBooks(world, tokenId);
});

test('F3 in a library that moved, few missing ones are looked up: overlooked ones stay and gone ones end', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const rows = world.simulator.admin
    .truth({ uId })
    .assignments.filter((row) => row.serialNumber)
    .slice(0, 6);
  const [gone, ...overlooked] = rows;
  world.simulator.admin.unassign({ uId, ...gone! });
  hideRows((row) => overlooked.some((one) => one.adamId === row.adamId && one.serialNumber === row.serialNumber));
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('F3 in a library that moved, many missing ones end only when a second sweep misses them too', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const before = await liveHere(world, tokenId);
  hideRows((row) => row.adamId === school.usedUp);
  await tenant.sync(tokenId);
  expect(await liveHere(world, tokenId)).toEqual(before);
  for (const undo of unbend.splice(0).reverse()) undo();
  hideRows(() => false);
  await tenant.sync(tokenId);
  expect(await world.database.prisma.license.count({ where: { tokenId, missedAt: { not: null } } })).toBe(0);
  for (const undo of unbend.splice(0).reverse()) undo();
  hideRows((row) => row.adamId === school.usedUp);
  await tenant.sync(tokenId);
  expect(await liveHere(world, tokenId)).toEqual(before);
  await tenant.sync(tokenId);
  expect(await liveHere(world, tokenId)).toEqual(before.filter((text) => !text.startsWith(school.usedUp)));
  await expectBalance(world, tokenId);
  for (const undo of unbend.splice(0).reverse()) undo();
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('F3 the same sweep judged twice, because a worker died behind it, is no second sweep', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const before = await liveHere(world, tokenId);
  hideRows((row) => row.adamId === school.usedUp);
  await world.clock.advance(1_000);
  await world.database.pool.query(`UPDATE app SET metadata_at = NULL, name = NULL WHERE organization_id = $1`, [
    String(tenant.organizationId),
  ]);
  await world.database.pool.query(`DELETE FROM app_metadata WHERE organization_id = $1`, [
    String(tenant.organizationId),
  ]);
  const taskId = await tenant.start(tokenId);
  const never = new Promise<never>(() => {});
  const inMetadata = new Promise<void>((reached) => {
    const lookup = () => {
      reached();
      return never;
    };
    const services = { ...world.services, metadata: { lookup } };
    void runSync(services, { organizationId: tenant.organizationId, taskId }, 'dies');
  });
  await inMetadata;
  expect(await world.database.prisma.license.count({ where: { tokenId, missedAt: { not: null } } })).toBe(30);
  await world.clock.advance(1_000);
  await tenant.finish(taskId);
  expect(await liveHere(world, tokenId)).toEqual(before);
});

test('F3 a sweep never judges a license that is under way: asked for, at Apple, or being taken back', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const deviceId = await listDevice(tenant, 'SIMPENDING01');
  const held = world.simulator.admin.truth({ uId }).assignments.find((row) => row.adamId === school.usedUp)!;
  const heldDevice = await listDevice(tenant, held.serialNumber!);
  await associateLicenses(tenant.context, {
    appIds: [await appOf(tenant, school.oneSeat)],
    target: { deviceIds: [deviceId] },
  });
  await revokeLicenses(tenant.context, {
    appIds: [await appOf(tenant, school.usedUp)],
    target: { deviceIds: [heldDevice] },
  });
  world.simulator.admin.unassign({ uId, adamId: held.adamId, serialNumber: held.serialNumber! });
  await world.clock.advance(1_000);
  const taskId = await tenant.start(tokenId);
  await runSync(world.services, { organizationId: tenant.organizationId, taskId }, 'test');
  expect(await readTask(world, taskId)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await licenseOf(tokenId, school.oneSeat, 'SIMPENDING01')).toMatchObject({
    state: 'REQUESTED',
    missedAt: null,
  });
  expect(await licenseOf(tokenId, school.usedUp, held.serialNumber!)).toMatchObject({ state: 'REVOKE_REQUESTED' });
  await world.settle();
  await tenant.sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('F3 what was given or taken back while the sweep ran is not undone by the older page', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const held = world.simulator.admin.truth({ uId }).assignments.find((row) => row.adamId === school.usedUp)!;
  const given = await listDevice(tenant, 'SIMMEANWHILE');
  const taken = await listDevice(tenant, held.serialNumber!);
  const give = { appIds: [await appOf(tenant, school.oneSeat)], target: { deviceIds: [given] } };
  const take = { appIds: [await appOf(tenant, school.usedUp)], target: { deviceIds: [taken] } };
  let done = false;
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page) => {
      if (done) return page;
      done = true;
      await associateLicenses(tenant.context, give);
      await revokeLicenses(tenant.context, take);
      for (let round = 0; round < 20; round++) {
        await writeLicenses(world.services, { organizationId: tenant.organizationId, tokenId }, 'test');
        await world.clock.advance(500);
      }
      return page;
    }),
  );
  await tenant.sync(tokenId);
  expect(await licenseOf(tokenId, school.oneSeat, 'SIMMEANWHILE')).toMatchObject({
    state: 'CONFIRMED',
    missedAt: null,
  });
  const { serialNumber } = held;
  const rows = await world.database.prisma.license.findMany({
    where: { tokenId, adamId: school.usedUp, serialNumber },
  });
  expect(rows.map((row) => row.state)).toEqual(['REVOKED']);
  await expectRightBooks(world, tokenId);
});

test('S36 an asset that Apple no longer lists keeps its app and its history, without seats; it may come back', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  world.simulator.admin.removeAsset({ uId, adamId: school.usedUp });
  await tenant.sync(tokenId);
  const pool = () => world.database.prisma.licensePool.findFirstOrThrow({ where: { tokenId, adamId: school.usedUp } });
  expect(await pool()).toMatchObject({ total: 0n, held: 0n, appleAssigned: 0n, goneAt: expect.any(Date) });
  expect(await world.database.prisma.license.count({ where: { tokenId, state: 'GONE_AT_APPLE' } })).toBe(30);
  expect(await appOf(tenant, school.usedUp)).toBe((await pool()).appId);
  await expectRightBooks(world, tokenId);
  world.simulator.admin.purchase({ uId, adamId: school.usedUp, count: 12 });
  await tenant.sync(tokenId);
  expect(await pool()).toMatchObject({ total: 12n, goneAt: null });
});

test('S36 in a list of assets that moved nothing is judged as gone', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  unbend.push(
    bendAnswers(world, 'readAssets', async (page) => ({
      ...page,
      versionId: null,
      rows: page.rows.filter((row) => row.adamId !== school.usedUp),
    })),
  );
  await tenant.sync(tokenId);
  expect(await world.database.prisma.licensePool.count({ where: { tokenId, goneAt: { not: null } } })).toBe(0);
  await expectRightBooks(world, tokenId);
});

test('S31 numbers of an asset that were asked for later are not overwritten by an older page', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  unbend.push(
    bendAnswers(world, 'readAssets', async (page, query) => {
      if (query.adamId !== undefined) return page;
      world.simulator.admin.purchase({ uId, adamId: school.twentyFive, count: 25 });
      await world.clock.advance(100);
      await refreshAsset(world.services, { organizationId: tenant.organizationId, tokenId }, school.twentyFive, 'test');
      return page;
    }),
  );
  await tenant.sync(tokenId);
  expect(
    await world.database.prisma.licensePool.findFirst({ where: { tokenId, adamId: school.twentyFive } }),
  ).toMatchObject({ total: 50n, goneAt: null });
});
