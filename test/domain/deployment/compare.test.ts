/** Deployments: what a comparison gives, takes back, leaves alone and reports. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { compareDeployments } from '../../../src/domain/deployment/compare.ts';
import { listRefusals, readCoverage, readDeployments } from '../../../src/domain/deployment/row.ts';
import { createDeployment, deleteDeployment, updateDeployment } from '../../../src/domain/deployment/write.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { createDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { reorderTokens } from '../../../src/domain/token/reorder.ts';
import { createWorld, type World } from '../../support/world.ts';
import { expectSound, giveApp, liveOf, makeDevices, readAsset, type TestApp, uIdOf } from '../license/support.ts';

let world: World;
let own: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
});
afterAll(async () => {
  await expectSound(world);
  await world.close();
});

let groups = 0;
async function groupOf(deviceIds: bigint[]): Promise<bigint> {
  const groupId = await createDeviceGroup(world.admin, { name: `Deployment group ${++groups}` });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds } });
  return groupId;
}

const reader = () => preparedRows(world.database.pool);
const compare = () => compareDeployments(world.services, world.organizationId, 'test');
const byId = (a: bigint, b: bigint) => (a < b ? -1 : 1);
const holders = async (app: TestApp) => (await liveOf(world, app)).map((license) => license.deviceId!).sort(byId);
const show = async (id: bigint) => (await readDeployments(reader(), world.organizationId, [id]))[0]!;
const coverage = async (id: bigint) => {
  const [found] = await readCoverage(reader(), world.organizationId, world.clock.now(), [id]);
  return Object.fromEntries(Object.entries(found!).map(([name, count]) => [name, Number(count)]));
};
const none = { granted: 0, refused: 0, installed: 0, revoked: 0 };
const tasks = () => world.database.prisma.task.count();
async function settle(): Promise<void> {
  for (let round = 0; round < 8; round++) {
    await world.work();
    await world.clock.advance(500);
  }
}

test('F15 license only: one pass gives what is lacking, a second one changes nothing and makes no task', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 30);
  const groupId = await groupOf(devices);
  const id = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  expect(await compare()).toEqual({ ...none, granted: 30 });
  const before = await tasks();
  expect(await compare()).toEqual(none);
  await settle();
  expect(await compare()).toEqual(none);
  expect(await tasks()).toBe(before);
  expect(await holders(app)).toEqual(devices);
  expect(await coverage(id)).toMatchObject({ wanted: 30, confirmed: 30, pending: 0, waiting: 0, refused: 0 });
});

test('S78 F15 who comes into the group is served by itself, without a person', async () => {
  const app = await giveApp(world, own);
  const [first, later] = await makeDevices(world, 2);
  const groupId = await groupOf([first!]);
  await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  await settle();
  expect(await holders(app)).toEqual([first]);
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [later!] }, change: 'ADD' });
  await settle();
  expect(await holders(app)).toEqual([first, later]);
});

test('S78 F15 a rule group: a device that changes into it is served, whoever wrote the change', async () => {
  const app = await giveApp(world, own);
  const groupId = await createDeviceGroup(world.admin, { name: 'Lab', rule: { namePrefix: 'Lab ' } });
  await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  const { deviceIds } = await upsertDevices(world.admin, {
    devices: [{ serialNumber: 'DEPLOYLAB1', family: 'IPAD', name: 'Cart 1' }],
  });
  await settle();
  expect(await holders(app)).toEqual([]);
  await upsertDevices(world.admin, { devices: [{ serialNumber: 'DEPLOYLAB1', name: 'Lab 1' }] });
  await settle();
  expect(await holders(app)).toEqual(deviceIds);
});

test('S77 no token holds the app, or none that can be used: reported, no task, and it goes on by itself when one does', async () => {
  const app = await giveApp(world, own, { total: 5 });
  const devices = await makeDevices(world, 2);
  const groupId = await groupOf(devices);
  await world.database.prisma.licensePool.updateMany({ where: { appId: app.id }, data: { goneAt: world.clock.now() } });
  const id = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  const before = await tasks();
  expect(await compare()).toEqual(none);
  const { problem } = await show(id);
  expect(problem).toMatchObject({ code: 'APP_NOT_HELD', since: world.clock.now().toISOString() });
  await world.clock.advance(1_000);
  await compare();
  expect((await show(id)).problem, 'since when, not since the last look').toEqual(problem);
  expect(await tasks()).toBe(before);
  await readAsset(world, own, app.adamId);
  await settle();
  expect((await show(id)).problem).toBeNull();
  expect(await holders(app)).toEqual(devices);
});

test('S77 a device that can’t have the app keeps nobody back, is told with its reason, and is tried again when it changes', async () => {
  const app = await giveApp(world, own);
  const good = await makeDevices(world, 3);
  const [old] = await makeDevices(world, 1, { osVersion: '8.4.1' });
  const groupId = await groupOf([...good, old!]);
  const id = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  expect(await compare()).toEqual({ ...none, granted: 3, refused: 1 });
  expect(await compare()).toEqual(none);
  const window = { after: null, before: null, limit: 10, fromEnd: false };
  const at = { organizationId: world.organizationId, now: world.clock.now() };
  const refusals = await listRefusals(reader(), at, await show(id), window);
  expect(refusals).toMatchObject([{ id: old, code: 'OS_TOO_OLD' }]);
  const { serialNumber } = await world.database.prisma.device.findFirstOrThrow({ where: { id: old! } });
  await world.clock.advance(1_000);
  await upsertDevices(world.admin, { devices: [{ serialNumber, osVersion: '17.4' }] });
  await settle();
  expect(await holders(app)).toEqual([...good, old]);
  expect(await coverage(id)).toMatchObject({ wanted: 4, confirmed: 4, refused: 0 });
});

test('S77 F14 seats are short: the rest waits, is served by a purchase, and leaves the queue when nobody wants it there', async () => {
  const app = await giveApp(world, own, { total: 2 });
  const devices = await makeDevices(world, 5);
  const groupId = await groupOf(devices);
  const id = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  await compare();
  expect(await compare()).toEqual(none);
  expect(await coverage(id)).toMatchObject({ wanted: 5, pending: 2, waiting: 3 });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [devices[4]!] }, change: 'REMOVE' });
  await settle();
  expect(await coverage(id)).toMatchObject({ wanted: 4, confirmed: 2, waiting: 2 });
  world.simulator.admin.setAsset({ uId: await uIdOf(world, own), adamId: app.adamId, total: 5 });
  await readAsset(world, own, app.adamId);
  await settle();
  expect(await holders(app)).toEqual(devices.slice(0, 4));
  await deleteDeployment(world.admin, { deploymentId: id });
  expect(await compare()).toEqual(none);
  expect(await holders(app), 'what it gave stays').toHaveLength(4);
});

test('F15 NONE takes back what Russet gave, never what others gave, and wins over an equal rank', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 4);
  const [all, out] = [await groupOf(devices), await groupOf(devices.slice(0, 2))];
  await createDeployment(world.admin, { appId: app.id, groupId: all, mode: 'LICENSE_ONLY' });
  await settle();
  expect(await holders(app)).toEqual(devices);
  await world.database.prisma.license.updateMany({
    where: { appId: app.id, deviceId: devices[0]! },
    data: { source: 'EXTERNAL' },
  });
  const id = await createDeployment(world.admin, { appId: app.id, groupId: out, mode: 'NONE' });
  expect(await compare()).toEqual({ ...none, revoked: 1 });
  await settle();
  expect(await compare()).toEqual(none);
  expect(await holders(app)).toEqual([devices[0], ...devices.slice(2)]);
  await updateDeployment(world.admin, { deploymentId: id, rank: 7 });
  await settle();
  expect(await holders(app)).toEqual(devices);
});

test('F15 NONE through a token that can’t be used: no task now, and the licenses come back when it can', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 2);
  const groupId = await groupOf(devices);
  const deploymentId = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  await settle();
  const { prisma } = world.database;
  await prisma.token.updateMany({ where: { id: own }, data: { condition: 'READ_ONLY' } });
  await updateDeployment(world.admin, { deploymentId, mode: 'NONE' });
  const before = await tasks();
  expect(await compare()).toEqual(none);
  expect(await tasks()).toBe(before);
  await prisma.token.updateMany({ where: { id: own }, data: { condition: 'OK' } });
  expect(await compare()).toEqual({ ...none, revoked: 2 });
  await settle();
});

test('F14 F15 who waits on other terms than the deployment’s present ones waits on these', async () => {
  const app = await giveApp(world, own, { total: 0 });
  const devices = await makeDevices(world, 2);
  const groupId = await groupOf(devices);
  const given = { appId: app.id, groupId, mode: 'LICENSE_ONLY' as const, tokenId: own };
  const deploymentId = await createDeployment(world.admin, given);
  await compare();
  const waiting = () =>
    world.database.prisma.licenseWait.findMany({ where: { appId: app.id }, orderBy: { id: 'asc' } });
  expect((await waiting()).map(({ tokenId, priority }) => [tokenId, priority])).toEqual([
    [own, 0],
    [own, 0],
  ]);
  await updateDeployment(world.admin, { deploymentId, tokenId: null, priority: 5 });
  await compare();
  expect((await waiting()).map(({ tokenId, priority }) => [tokenId, priority])).toEqual([
    [null, 5],
    [null, 5],
  ]);
  expect(await compare()).toEqual(none);
});

test('S79 the first token in order that can serve is used, a named one never replaced', async () => {
  const app = await giveApp(world, own, { total: 1 });
  const other = await world.library('district');
  await giveApp(world, other, { adamId: app.adamId, total: 9 });
  await reorderTokens(world.admin, { tokenIds: [own, other] });
  const devices = await makeDevices(world, 3);
  const groupId = await groupOf(devices.slice(0, 2));
  await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  const named = await groupOf(devices.slice(2));
  const id = await createDeployment(world.admin, {
    appId: app.id,
    groupId: named,
    mode: 'LICENSE_ONLY',
    tokenId: own,
  });
  await settle();
  const licenses = await liveOf(world, app);
  expect(new Map(licenses.map(({ deviceId, tokenId }) => [deviceId, tokenId]))).toEqual(
    new Map([
      [devices[0], own],
      [devices[1], other],
    ]),
  );
  expect(await coverage(id)).toMatchObject({ wanted: 1, waiting: 1 });
});

test('F15 from any start one pass converges, and a second one does nothing (random groups, ranks and modes)', async () => {
  const app = await giveApp(world, own, { total: 10_000 });
  const devices = await makeDevices(world, 12);
  const deployment = fc.record({
    members: fc.subarray(devices, { minLength: 1 }),
    mode: fc.constantFrom('LICENSE_ONLY' as const, 'NONE' as const),
    rank: fc.integer({ min: 0, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(deployment, { minLength: 1, maxLength: 4 }), async (given) => {
      const made: bigint[] = [];
      for (const { members, mode, rank } of given)
        made.push(await createDeployment(world.admin, { appId: app.id, groupId: await groupOf(members), mode, rank }));
      await compare();
      await settle();
      expect(await compare()).toEqual(none);
      const wanted = devices.map((device) => {
        const own = given.filter(({ members }) => members.includes(device));
        const first = [...own].sort(
          (a, b) => a.rank - b.rank || (a.mode === 'NONE' ? -1 : b.mode === 'NONE' ? 1 : 0),
        )[0];
        return first?.mode ?? null;
      });
      const held = new Set(await holders(app));
      devices.forEach((device, index) => {
        if (wanted[index] === 'LICENSE_ONLY') expect(held.has(device)).toBe(true);
        if (wanted[index] === 'NONE') expect(held.has(device)).toBe(false);
      });
      for (const deploymentId of made) await deleteDeployment(world.admin, { deploymentId });
    }),
    { numRuns: 6 },
  );
});
