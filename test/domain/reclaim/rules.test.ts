/** Reclaim rules: what each reason finds, grace, exclusions, the run, its report, and the way back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { compareDeployments } from '../../../src/domain/deployment/compare.ts';
import { listRefusals } from '../../../src/domain/deployment/row.ts';
import { createDeployment, deleteDeployment, updateDeployment } from '../../../src/domain/deployment/write.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { createDeviceGroup, deleteDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { countWanted, listFound, listRuns, readRules, worthOfFound } from '../../../src/domain/reclaim/rule.ts';
import { runDueRules, runReclaimRule } from '../../../src/domain/reclaim/run.ts';
import { undoReclaimRun } from '../../../src/domain/reclaim/undo.ts';
import { createReclaimRule, deleteReclaimRule, replaceReclaimRule } from '../../../src/domain/reclaim/write.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  type TestApp,
} from '../license/support.ts';

const day = 86_400_000;
let world: World;
let own: bigint;
let connectionId: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
  const { organizationId } = world;
  const at = world.clock.now();
  const connection = { organizationId, kind: 'GRAPHQL' as const, name: 'MDM', createdAt: at, updatedAt: at };
  connectionId = (await world.database.prisma.mdmConnection.create({ data: connection })).id;
});
afterAll(async () => {
  await expectSound(world);
  await world.close();
});

async function settle(): Promise<void> {
  for (let round = 0; round < 8; round++) {
    await world.work();
    await world.clock.advance(500);
  }
}

/** Devices that hold the app, enrolled and last seen now. */
async function holders(app: TestApp, count: number): Promise<bigint[]> {
  const devices = await makeDevices(world, count);
  await associate(world, app, devices);
  await settle();
  await enroll(devices);
  return devices;
}

const enroll = (devices: bigint[]) =>
  world.database.prisma.enrollment.createMany({
    data: devices.map((deviceId) => ({
      organizationId: world.organizationId,
      connectionId,
      enrollmentId: `UDID-${deviceId}`,
      state: 'ENROLLED' as const,
      deviceId,
      enrolledAt: world.clock.now(),
      lastSeenAt: world.clock.now(),
      listedAt: world.clock.now(),
    })),
  });

const seen = (deviceIds: bigint[], at: Date) =>
  world.database.prisma.enrollment.updateMany({ where: { deviceId: { in: deviceIds } }, data: { lastSeenAt: at } });

async function operation(deviceId: bigint, app: TestApp, kind: 'INSTALL' | 'UPDATE', state: 'DONE' | 'FAILED') {
  const at = world.clock.now();
  const { organizationId } = world;
  const task = await world.database.prisma.task.findFirstOrThrow({ where: { organizationId } });
  const times = { createdAt: at, changedAt: at, endedAt: at };
  await world.database.prisma.appOperation.create({
    data: { organizationId, kind, state, taskId: task.id, deviceId, appId: app.id, ...times },
  });
}

const reader = () => preparedRows(world.database.pool);
const window = { after: null, before: null, limit: 1_000, fromEnd: false };
const show = async (ruleId: bigint) => (await readRules(reader(), world.organizationId, [ruleId]))[0]!;
async function found(ruleId: bigint, app: TestApp): Promise<bigint[]> {
  const at = { organizationId: world.organizationId, now: world.clock.now(), ruleId };
  const ids = (await listFound(reader(), at, await show(ruleId), window)).map((row) => row.id);
  const licenses = (await liveOf(world, app)).filter((license) => ids.includes(license.id));
  expect(licenses, 'nothing but licenses of this app').toHaveLength(ids.length);
  return licenses.map((license) => license.deviceId!).sort((a, b) => (a < b ? -1 : 1));
}
const rule = (app: TestApp, more: Partial<Parameters<typeof createReclaimRule>[1]> = {}) =>
  createReclaimRule(world.admin, {
    name: 'Rule',
    reason: 'NOT_SEEN',
    days: 30,
    graceDays: 0,
    appIds: [app.id],
    enabled: false,
    ...more,
  });
const report = async (runId: bigint) =>
  (await listRuns(reader(), world.organizationId, null, window)).find((run) => run.id === runId)!;

test('F6 500 idle devices: the preview lists exactly those, the run returns them, and the report says what they cost', async () => {
  const app = await giveApp(world, own, { total: 1_000 });
  await world.database.prisma.app.updateMany({ where: { id: app.id }, data: { price: '1.99', currency: 'EUR' } });
  const devices = await holders(app, 600);
  const [idle, active] = [devices.slice(0, 500), devices.slice(500)];
  const ruleId = await rule(app);
  await world.clock.advance(30 * day - 1_000);
  expect(await found(ruleId, app), 'a moment before').toEqual([]);
  await seen(active, world.clock.now());
  await world.clock.advance(1_000);
  expect(await found(ruleId, app)).toEqual(idle);
  const at = { organizationId: world.organizationId, now: world.clock.now() };
  expect(await worthOfFound(reader(), at, await show(ruleId))).toEqual({
    licenses: 500,
    value: [{ currency: 'EUR', amount: '995.00' }],
    unpriced: 0,
  });
  const runId = await runReclaimRule(world.admin, { ruleId });
  expect(await report(runId)).toMatchObject({
    found: 500,
    marked: 0,
    taken: 500,
    value: [{ currency: 'EUR', amount: '995.00' }],
  });
  await settle();
  expect((await liveOf(world, app)).map((license) => license.deviceId).sort()).toEqual([...active].sort());
  expect(await holdersAtApple(world, own, app)).toHaveLength(100);
  const again = await report(await runReclaimRule(world.admin, { ruleId }));
  expect(again).toMatchObject({ found: 0, taken: 0, taskIds: [] });
});

test('F6 grace: marked first, freed when the device is seen again, taken when the days are over; daily and once', async () => {
  const app = await giveApp(world, own);
  const [back, gone] = await holders(app, 2);
  const ruleId = await rule(app, { days: 10, graceDays: 5, enabled: true });
  await world.clock.advance(10 * day);
  const run = () => runDueRules(world.services, world.organizationId, 'test');
  await run();
  expect(await liveOf(world, app)).toHaveLength(2);
  const marks = () => world.database.prisma.reclaimMark.count({ where: { ruleId } });
  expect(await marks()).toBe(2);
  await seen([back!], world.clock.now());
  await world.clock.advance(day);
  await run();
  expect(await marks()).toBe(1);
  await world.clock.advance(4 * day - 1_000);
  await run();
  expect(await liveOf(world, app)).toHaveLength(2);
  await world.clock.advance(day);
  await run();
  await settle();
  expect((await liveOf(world, app)).map((license) => license.deviceId)).toEqual([back]);
  expect(await marks()).toBe(0);
  const runs = await listRuns(reader(), world.organizationId, ruleId, window);
  expect(runs.map(({ found: n, taken }) => [n, taken])).toEqual([
    [2, 0],
    [1, 1],
  ]);
  expect(gone).toBeDefined();
  await deleteReclaimRule(world.admin, { ruleId });
});

test('F6 never what others gave, what can’t come back, or what is excluded: by app, by group, by being in one', async () => {
  const app = await giveApp(world, own);
  const fixed = await giveApp(world, own, { revocable: false });
  const devices = await holders(app, 4);
  await associate(world, fixed, devices);
  await settle();
  await world.database.prisma.license.updateMany({
    where: { appId: app.id, deviceId: devices[0]! },
    data: { source: 'EXTERNAL' },
  });
  const groupId = await createDeviceGroup(world.admin, { name: 'Never' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [devices[1]!] } });
  await world.clock.advance(31 * day);
  const ruleId = await rule(app, { appIds: [app.id, fixed.id], exceptGroupId: groupId });
  expect(await found(ruleId, app)).toEqual(devices.slice(2));
  const terms = { ruleId, name: 'Rule', reason: 'NOT_SEEN' as const, days: 30, graceDays: 0, enabled: false };
  await replaceReclaimRule(world.admin, { ...terms, appIds: [app.id], groupId });
  expect(await found(ruleId, app)).toEqual([devices[1]]);
  await expect(deleteDeviceGroup(world.admin, { groupId }), 'the rule would find others').rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  await replaceReclaimRule(world.admin, { ...terms, exceptAppIds: [app.id], groupId });
  expect(await found(ruleId, app)).toEqual([]);
});

test('F6 each other reason finds its own: unenrolled, app removed, install failed, out of scope', async () => {
  const app = await giveApp(world, own);
  const [fine, unenrolled, never, removed, uninstalled, failed] = await holders(app, 6);
  const { prisma } = world.database;
  const { organizationId } = world;
  for (const deviceId of [fine!, removed!]) await operation(deviceId, app, 'INSTALL', 'DONE');
  const has = { organizationId, appId: app.id, changedAt: world.clock.now() };
  await prisma.installedApp.create({ data: { ...has, deviceId: fine!, bundleId: 'a' } });
  await prisma.installedApp.create({
    data: { ...has, deviceId: uninstalled!, bundleId: 'a', managedStatus: 'ManagedButUninstalled' },
  });
  await operation(failed!, app, 'INSTALL', 'FAILED');
  const gone = { state: 'GONE' as const, goneAt: world.clock.now() };
  await prisma.enrollment.updateMany({ where: { deviceId: unenrolled! }, data: gone });
  await prisma.enrollment.deleteMany({ where: { deviceId: never! } });
  await world.clock.advance(3 * day);
  await prisma.enrollment.updateMany({ where: { state: 'ENROLLED' }, data: { listedAt: world.clock.now() } });
  const by = async (reason: 'UNENROLLED' | 'APP_REMOVED' | 'INSTALL_FAILED', days: number) =>
    found(await rule(app, { reason, days }), app);
  expect(await by('UNENROLLED', 3)).toEqual([unenrolled, never]);
  expect(await by('UNENROLLED', 4)).toEqual([]);
  expect(await by('APP_REMOVED', 3)).toEqual([removed, uninstalled]);
  expect(await by('INSTALL_FAILED', 3)).toEqual([failed]);

  const scoped = await giveApp(world, own);
  const [inside, outside] = await makeDevices(world, 2);
  const groupId = await createDeviceGroup(world.admin, { name: 'Scope' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [inside!, outside!] } });
  const deploymentId = await createDeployment(world.admin, { appId: scoped.id, groupId, mode: 'LICENSE_ONLY' });
  await settle();
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: [outside!] }, change: 'REMOVE' });
  const ruleId = await rule(scoped, { reason: 'OUT_OF_SCOPE', days: 0 });
  expect(await found(ruleId, scoped)).toEqual([outside]);
  const slow = await rule(scoped, { reason: 'OUT_OF_SCOPE', days: 2, graceDays: 1 });
  await runReclaimRule(world.admin, { ruleId: slow });
  const [mark] = await prisma.reclaimMark.findMany({ where: { ruleId: slow } });
  expect(mark?.takesAt, 'three days after it was first found').toEqual(new Date(world.clock.now().getTime() + 3 * day));
  await deleteDeployment(world.admin, { deploymentId });
  expect(await found(ruleId, scoped)).toEqual([inside, outside]);
});

test('F6 F15 what a rule takes from a deployed device stays away until the device is seen; the preview names the deployment', async () => {
  const app = await giveApp(world, own);
  const devices = await makeDevices(world, 2);
  const groupId = await createDeviceGroup(world.admin, { name: 'Deployed' });
  await setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds: devices } });
  const deploymentId = await createDeployment(world.admin, { appId: app.id, groupId, mode: 'LICENSE_ONLY' });
  await settle();
  await enroll(devices);
  await world.clock.advance(31 * day);
  const ruleId = await rule(app);
  const at = { organizationId: world.organizationId, now: world.clock.now(), ruleId };
  const preview = await listFound(reader(), at, await show(ruleId), window);
  expect(preview.map((row) => row.deploymentId)).toEqual([deploymentId, deploymentId]);
  expect(await countWanted(world.admin, await show(ruleId))).toBe(2);
  await runReclaimRule(world.admin, { ruleId });
  await settle();
  const compare = () => compareDeployments(world.services, world.organizationId, 'test');
  expect(await compare(), 'the two don’t fight').toEqual({ granted: 0, refused: 0, installed: 0, revoked: 0 });
  expect(await liveOf(world, app)).toEqual([]);
  const refusals = () =>
    listRefusals(reader(), { ...at, now: world.clock.now() }, { id: deploymentId, appId: app.id }, window);
  expect((await refusals()).map(({ id, code }) => [id, code])).toEqual(devices.map((id) => [id, 'RECLAIMED']));
  await seen([devices[0]!], world.clock.now());
  expect((await refusals()).map(({ id }) => id)).toEqual([devices[1]]);
  expect(await compare()).toMatchObject({ granted: 1 });
  await updateDeployment(world.admin, { deploymentId, rank: 1 });
  expect(await compare(), 'a person said so again').toMatchObject({ granted: 1 });
  await settle();
  expect(await liveOf(world, app)).toHaveLength(2);
  await deleteDeployment(world.admin, { deploymentId });
});

test('F6 undo gives the same devices a license again, where there is one, and only once', async () => {
  const app = await giveApp(world, own, { total: 3 });
  const devices = await holders(app, 3);
  await world.clock.advance(31 * day);
  const runId = await runReclaimRule(world.admin, { ruleId: await rule(app) });
  const tooEarly = { code: 'INVALID_INPUT', message: expect.stringContaining('still taking licenses back') };
  await expect(undoReclaimRun(world.admin, { runId }), 'and it can be undone later').rejects.toMatchObject(tooEarly);
  await settle();
  expect(await liveOf(world, app)).toEqual([]);
  const [other] = await makeDevices(world, 1);
  await associate(world, app, [other!]);
  // Two at once: whichever comes second finds nothing left to give.
  await Promise.allSettled([undoReclaimRun(world.admin, { runId }), undoReclaimRun(world.admin, { runId })]);
  await settle();
  const live = (await liveOf(world, app)).map((license) => license.deviceId!);
  expect(live).toHaveLength(3);
  expect(live.filter((id) => devices.includes(id))).toHaveLength(2);
  const [taskId, ...more] = (await report(runId)).undoTaskIds;
  expect(more).toEqual([]);
  const task = await world.database.prisma.task.findFirstOrThrow({ where: { id: BigInt(taskId!) } });
  expect(task).toMatchObject({ kind: 'ASSOCIATE', state: 'SUCCEEDED', outcome: 'SOME', failed: 1n });
  await expect(undoReclaimRun(world.admin, { runId })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});
