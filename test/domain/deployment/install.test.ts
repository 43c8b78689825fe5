/** Deployments that install: with devices that ask Apple's simulator for their license, and do what a test wants. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { compareDeployments } from '../../../src/domain/deployment/compare.ts';
import { listRefusals, readCoverage, readDeployments } from '../../../src/domain/deployment/row.ts';
import { createDeployment, deleteDeployment, updateDeployment } from '../../../src/domain/deployment/write.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import { createDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { installApps } from '../../../src/domain/install/ask.ts';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { createHands, type Hands } from '../install/hands.ts';
import { expectSound, giveApp, liveOf, makeDevices, poolOf, type TestApp } from '../license/support.ts';

const day = 86_400_000;
let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
beforeEach(() => {
  hands.act = () => 'INSTALL';
  hands.installs.length = 0;
});
afterAll(async () => {
  await expectSound(hands.world);
  await hands.close();
});

let groups = 0;
async function deploy(app: TestApp, deviceIds: bigint[], mode: 'LICENSE_ONLY' | 'LICENSE_AND_INSTALL') {
  const { admin } = hands.world;
  const groupId = await createDeviceGroup(admin, { name: `Installs ${++groups}` });
  await setDeviceGroupMembers(admin, { groupId, target: { deviceIds } });
  return { groupId, deploymentId: await createDeployment(admin, { appId: app.id, groupId, mode }) };
}

const compare = () => compareDeployments(hands.world.services, hands.world.organizationId, 'test');
const none = { granted: 0, refused: 0, installed: 0, revoked: 0 };
const reader = () => preparedRows(hands.world.database.pool);
const at = () => ({ organizationId: hands.world.organizationId, now: hands.world.clock.now() });
async function coverage(id: bigint) {
  const { organizationId, now } = at();
  const [found] = await readCoverage(reader(), organizationId, now, [id]);
  return Object.fromEntries(Object.entries(found!).map(([name, count]) => [name, Number(count)]));
}
async function refusals(id: bigint, app: TestApp) {
  const window = { after: null, before: null, limit: 100, fromEnd: false };
  return (await listRefusals(reader(), at(), { id, appId: app.id }, window)).map((row) => [row.id, row.code]);
}
const operations = (app: TestApp) =>
  hands.world.database.prisma.appOperation.findMany({ where: { appId: app.id }, orderBy: { id: 'asc' } });
/** Until nothing is under way. */
const settled = () =>
  hands.until(async () => {
    const { prisma } = hands.world.database;
    const open = { finishedAt: null };
    return (await prisma.task.count({ where: open })) === 0;
  });

test('F15 S78 license and install: one pass asks for all, a second one for nothing; who comes later is installed too', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const [later, ...devices] = await hands.devices(6);
  const { deploymentId, groupId } = await deploy(app, devices, 'LICENSE_AND_INSTALL');
  expect(await compare()).toEqual({ ...none, granted: 5 });
  expect(await compare()).toEqual(none);
  await settled();
  expect(await compare()).toEqual(none);
  expect(hands.installs).toHaveLength(5);
  expect(await coverage(deploymentId)).toMatchObject({ wanted: 5, confirmed: 5, installed: 5, refused: 0 });
  await setDeviceGroupMembers(hands.world.admin, { groupId, target: { deviceIds: [later!] }, change: 'ADD' });
  await hands.step();
  await settled();
  expect(hands.installs).toHaveLength(6);
  expect(await coverage(deploymentId)).toMatchObject({ wanted: 6, installed: 6 });
  await hands.world.clock.advance(2 * day);
  expect(await compare(), 'days later').toEqual(none);
});

test('F15 an install that failed is told, gives its seat back, and is not done again before something changes', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const devices = await hands.devices(3);
  const { serialNumber } = await hands.world.database.prisma.device.findFirstOrThrow({ where: { id: devices[0]! } });
  hands.act = (serial) => (serial === serialNumber ? 'REJECT' : 'INSTALL');
  const { deploymentId } = await deploy(app, devices, 'LICENSE_AND_INSTALL');
  await compare();
  await settled();
  expect(await refusals(deploymentId, app)).toEqual([]);
  expect(await compare()).toEqual(none);
  const [[refused, code]] = (await refusals(deploymentId, app)) as [[bigint, string]];
  expect([refused, code]).toEqual([devices[0], 'USER_REJECTED']);
  const licensed = (await liveOf(hands.world, app)).map((license) => license.deviceId);
  expect(new Set(licensed), 'its seat is free').toEqual(new Set(devices.slice(1)));
  for (let week = 0; week < 3; week++) {
    await hands.world.clock.advance(7 * day);
    expect(await compare()).toEqual(none);
  }
  expect(await coverage(deploymentId)).toMatchObject({ wanted: 3, confirmed: 2, installed: 2, refused: 1 });
  hands.act = () => 'INSTALL';
  const licensesOnly = hands.world.as('ADMINISTRATOR', { scopes: ['licenses:write'] });
  await expect(updateDeployment(licensesOnly, { deploymentId, rank: 2 }), 'it installs').rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  await updateDeployment(hands.world.admin, { deploymentId, rank: 2 });
  expect(await compare(), 'somebody said so again').toEqual({ ...none, granted: 1 });
  await settled();
  expect(await coverage(deploymentId)).toMatchObject({ wanted: 3, installed: 3, refused: 0 });
});

test('F15 what has a license, or waits for one, is installed with that when the deployment says so later', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { total: 2 });
  const devices = await hands.devices(3);
  const { deploymentId } = await deploy(app, devices, 'LICENSE_ONLY');
  await compare();
  await hands.until(async () => (await liveOf(hands.world, app)).every((license) => license.state === 'CONFIRMED'));
  await updateDeployment(hands.world.admin, { deploymentId, mode: 'LICENSE_AND_INSTALL' });
  expect(await compare()).toEqual({ ...none, installed: 3 });
  expect(await compare()).toEqual(none);
  await hands.until(async () => hands.installs.length === 2);
  expect((await operations(app)).map(({ state }) => state).sort()).toContain('WAITING_FOR_LICENSE');
  expect(await poolOf(hands.world, app)).toMatchObject({ held: 2n, reserved: 0n });
  await updateDeployment(hands.world.admin, { deploymentId, mode: 'NONE' });
  expect(await compare()).toEqual({ ...none, revoked: 2 });
  await deleteDeployment(hands.world.admin, { deploymentId });
  await settled();
});

test('F15 a device that is not enrolled waits for it; a Mac gets its license, and that it is not installed there is told once', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { supportedPlatforms: ['iOS', 'macOS'] });
  const [tablet] = await makeDevices(hands.world, 1);
  const [mac] = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.0' });
  const { deploymentId } = await deploy(app, [tablet!, mac!], 'LICENSE_AND_INSTALL');
  expect(await compare()).toEqual({ ...none, granted: 2 });
  for (let round = 0; round < 10; round++) {
    await hands.step();
    await hands.world.clock.advance(5_000);
  }
  expect(hands.installs).toEqual([]);
  expect(await coverage(deploymentId)).toMatchObject({ confirmed: 2, installed: 0, refused: 1 });
  expect(await refusals(deploymentId, app)).toEqual([[mac, 'INSTALL_NOT_SUPPORTED']]);
  const tasks = await hands.world.database.prisma.task.count();
  await hands.world.clock.advance(day);
  expect(await compare()).toEqual(none);
  expect(await hands.world.database.prisma.task.count()).toBe(tasks);
  await hands.enroll([tablet!]);
  await hands.until(async () => Number((await coverage(deploymentId)).installed) === 1, 300);
  await settled();
});

test('F15 a Mac whose license ended gets another one at the next comparison, though nothing can be installed on it', async () => {
  const app = await giveApp(hands.world, hands.tokenId, { supportedPlatforms: ['iOS', 'macOS'] });
  const [mac] = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.0' });
  const [old] = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '10.9' });
  const { deploymentId } = await deploy(app, [mac!, old!], 'LICENSE_AND_INSTALL');
  expect(await compare()).toEqual({ ...none, granted: 1, refused: 1 });
  await settled();
  const [license] = await liveOf(hands.world, app);
  await revokeLicenses(hands.world.admin, { target: { licenseIds: [license!.id] } });
  await settled();
  expect(await compare()).toEqual({ ...none, granted: 1 });
  await settled();
  const codes = [
    [mac, 'INSTALL_NOT_SUPPORTED'],
    [old, 'OS_TOO_OLD'],
  ];
  expect(await refusals(deploymentId, app), 'what is said of the license is not covered by the install').toEqual(codes);
  expect((await liveOf(hands.world, app)).map(({ deviceId }) => deviceId)).toEqual([mac]);
  expect(await compare()).toEqual(none);
  await deleteDeployment(hands.world.admin, { deploymentId });
});

test('F15 F16 installs that no deployment wants any more are taken back untold, with their license; they are no refusals', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const devices = await makeDevices(hands.world, 3);
  const [staying, leaving, told] = devices as [bigint, bigint, bigint];
  await hands.enroll([told]);
  hands.act = () => 'HOLD';
  const { groupId, deploymentId } = await deploy(app, devices, 'LICENSE_AND_INSTALL');
  await compare();
  await hands.until(async () => hands.installs.length === 1);
  await hands.until(async () => (await liveOf(hands.world, app)).every((license) => license.state === 'CONFIRMED'));
  const [other] = await hands.devices(1);
  await installApps(hands.world.admin, { appIds: [app.id], target: { deviceIds: [other!] } });
  const { admin } = hands.world;
  await setDeviceGroupMembers(admin, { groupId, target: { deviceIds: [leaving, told] }, change: 'REMOVE' });
  expect(await compare()).toEqual(none);
  const states = async () =>
    new Map(
      (await operations(app)).map(({ deviceId, state, cause }) => [
        deviceId,
        [state, (cause as { code?: string } | null)?.code],
      ]),
    );
  expect((await states()).get(leaving)).toEqual(['CANCELLED', 'OUT_OF_SCOPE']);
  expect((await states()).get(told)?.[0], 'what a device was told runs its course').toBe('SENT');
  expect((await states()).get(staying)?.[0]).toBe('READY');
  expect((await states()).get(other!)?.[0], 'a person asked for it').toBe('WAITING_FOR_LICENSE');
  hands.act = () => 'INSTALL';
  await hands.until(async () => (await liveOf(hands.world, app)).every(({ deviceId }) => deviceId !== leaving));
  await setDeviceGroupMembers(admin, { groupId, target: { deviceIds: [leaving] }, change: 'ADD' });
  expect(await compare(), 'no refusal was kept').toEqual({ ...none, granted: 1 });
  await updateDeployment(admin, { deploymentId, mode: 'LICENSE_ONLY' });
  expect(await compare()).toEqual(none);
  expect((await states()).get(staying)).toEqual(['CANCELLED', 'OUT_OF_SCOPE']);
  for (let round = 0; round < 4; round++) await hands.step();
  const holders = (await liveOf(hands.world, app)).map(({ deviceId, state }) => [deviceId, state]);
  expect(holders, 'it wants the license all the same').toContainEqual([staying, 'CONFIRMED']);
  expect(await refusals(deploymentId, app)).toEqual([]);
  const { serialNumber } = await hands.world.database.prisma.device.findFirstOrThrow({ where: { id: told } });
  await hands.answerHeld(serialNumber);
  await hands.world.work();
  expect((await states()).get(told)?.[0]).toBe('PROPAGATING');
  await compare();
  expect((await states()).get(told), 'it is not tried again').toEqual(['CANCELLED', 'OUT_OF_SCOPE']);
  await deleteDeployment(admin, { deploymentId });
  await settled();
  expect((await states()).get(other!)?.[0]).toBe('DONE');
  const failed = await hands.world.database.prisma.taskFailure.findMany({
    where: { appId: app.id, code: 'OUT_OF_SCOPE' },
  });
  expect(new Set(failed.map(({ deviceId }) => deviceId))).toEqual(new Set(devices));
});

test('F15 a change of one deployment tries again on its own devices; what failed on others, or before the change, is kept where it belongs', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const [here, there] = await hands.devices(2);
  hands.act = () => 'REJECT';
  const first = await deploy(app, [here!], 'LICENSE_AND_INSTALL');
  const second = await deploy(app, [there!], 'LICENSE_AND_INSTALL');
  await compare();
  await settled();
  await updateDeployment(hands.world.admin, { deploymentId: first.deploymentId, priority: 1 });
  const before = hands.installs.length;
  expect(await compare(), 'failed before its deployment changed').toEqual({ ...none, granted: 1 });
  expect(await refusals(second.deploymentId, app)).toEqual([[there, 'USER_REJECTED']]);
  await settled();
  await compare();
  expect(hands.installs.length - before).toBe(1);
  await updateDeployment(hands.world.admin, { deploymentId: first.deploymentId, priority: 2 });
  expect(await refusals(first.deploymentId, app)).toEqual([]);
  expect(await refusals(second.deploymentId, app), 'of other devices').toEqual([[there, 'USER_REJECTED']]);
  expect(await compare()).toEqual({ ...none, granted: 1 });
  await settled();
});

test('S77 without an MDM server nothing is taken for an install: the deployment says so, and goes on when there is one', async () => {
  const app = await giveApp(hands.world, hands.tokenId);
  const devices = await hands.devices(2);
  const { prisma } = hands.world.database;
  await prisma.mdmConnection.updateMany({ data: { removedAt: hands.world.clock.now() } });
  const { deploymentId } = await deploy(app, devices, 'LICENSE_AND_INSTALL');
  expect(await compare()).toEqual(none);
  const [deployment] = await readDeployments(reader(), hands.world.organizationId, [deploymentId]);
  expect(deployment?.problem?.code).toBe('MDM_NOT_CONNECTED');
  await prisma.mdmConnection.updateMany({ data: { removedAt: null } });
  await hands.step();
  await settled();
  expect(await coverage(deploymentId)).toMatchObject({ wanted: 2, confirmed: 2, installed: 2 });
});
