/** Installs with licenses of Apple's simulator: the license first, the command after it, the seat back when it fails. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { type InstallInput, installApps } from '../../../src/domain/install/ask.ts';
import { type AssociateInput, associateLicenses } from '../../../src/domain/license/associate.ts';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { summarizePlan } from '../../../src/domain/plan/summary.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import {
  associate,
  expectSound,
  failuresOf,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  readAsset,
  type TestApp,
  taskOf,
  uIdOf,
} from '../license/support.ts';
import { createHands, type Hands } from './hands.ts';

let hands: Hands;
beforeAll(async () => {
  hands = await createHands();
});
beforeEach(() => {
  hands.act = () => 'INSTALL';
  hands.installs.length = 0;
});
afterEach(() => expectSound(hands.world, { apple: true }));
afterAll(() => hands.close());

const app = (spec: Parameters<typeof giveApp>[2] = {}) => giveApp(hands.world, hands.tokenId, spec);
const install = async (of: TestApp, deviceIds: bigint[], more: Partial<InstallInput> = {}) =>
  (await installApps(hands.world.admin, { appIds: [of.id], target: { deviceIds }, ...more })).taskIds;
const operations = (of: TestApp) =>
  hands.world.database.prisma.appOperation.findMany({ where: { appId: of.id }, orderBy: { id: 'asc' } });
const states = async (of: TestApp) => (await operations(of)).map((row) => row.state);
const codes = async (taskId: bigint) => (await failuresOf(hands.world, taskId)).map((row) => row.code).sort();
const atApple = async (of: TestApp) => (await holdersAtApple(hands.world, hands.tokenId, of)).length;
/** The app has one seat, and somebody has it. */
async function short(): Promise<TestApp> {
  const one = await app({ total: 1 });
  await hands.ended(await associate(hands.world, one, await makeDevices(hands.world, 1)));
  return one;
}
async function buy(of: TestApp, total: number): Promise<void> {
  hands.world.simulator.admin.setAsset({ uId: await uIdOf(hands.world, hands.tokenId), adamId: of.adamId, total });
  await readAsset(hands.world, hands.tokenId, of.adamId);
}

describe('S28 installs', () => {
  test('S28 one mutation: each device gets its license first, then its command, and its app list ends it', async () => {
    const one = await app();
    const deviceIds = await hands.devices(3);
    const input = { appIds: [one.id], target: { deviceIds }, install: true };
    const { taskIds } = await associateLicenses(hands.world.admin, input);
    await hands.ended(...taskIds);
    const [licenses, installs] = await Promise.all(taskIds.map((id) => taskOf(hands.world, id)));
    expect(licenses).toMatchObject({ kind: 'ASSOCIATE', outcome: 'ALL', completed: 3n });
    expect(installs).toMatchObject({ kind: 'INSTALL', outcome: 'ALL', completed: 3n, failed: 0n });
    expect((await operations(one)).map((row) => [row.state, row.attempts])).toEqual(Array(3).fill(['DONE', 1]));
    // What subscribers of the task are told: that it began, every step of its counts, and its end.
    const events = await hands.world.database.prisma.taskEvent.findMany({
      where: { taskId: taskIds[1]! },
      orderBy: { seq: 'asc' },
    });
    const told = events.map(({ payload }) => payload as { state: string; phase: string | null; completed: string });
    expect(told[0]).toMatchObject({ state: 'QUEUED', completed: '0' });
    expect(told.some(({ state, phase }) => state === 'RUNNING' && phase === 'INSTALLING')).toBe(true);
    expect(told.at(-1)).toMatchObject({ state: 'SUCCEEDED', completed: '3' });
    // What is there already needs nothing, and what has a license needs none.
    const [again, none] = await install(one, deviceIds, { onError: 'SKIP_FAILED' });
    expect(none).toBeUndefined();
    await hands.ended(again!);
    expect(await codes(again!)).toEqual(Array(3).fill('ALREADY_INSTALLED'));
    expect(hands.installs).toHaveLength(3);
  });

  test('F2 90 seconds until Apple confirms: no command before; 9610 twice is PROPAGATING and no failure, and all three are kept', async () => {
    const { world } = hands;
    const one = await app();
    const deviceIds = await hands.devices(2);
    let left = 2;
    hands.act = () => (left-- > 0 ? 'UNSEEN' : 'INSTALL');
    world.simulator.admin.setOptions({ eventBatchMs: 90_000 });
    const asked = world.clock.now();
    const [taskId, licensesId] = await install(one, deviceIds);
    const seen = new Set<string>();
    await hands.until(async () => {
      const rows = await operations(one);
      for (const row of rows) seen.add(row.state);
      // Shown to nobody as a failure, at any moment.
      expect((await taskOf(world, taskId!)).failed).toBe(0n);
      expect(rows.filter((row) => row.state === 'FAILED')).toEqual([]);
      return (await taskOf(world, taskId!)).finishedAt !== null;
    }, 15);
    world.simulator.admin.setOptions({ eventBatchMs: 0 });
    expect(await taskOf(world, licensesId!)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
    expect(hands.installs[0]!.at.getTime() - asked.getTime()).toBeGreaterThanOrEqual(90_000);
    const confirmed = await world.database.prisma.ledger.findMany({
      where: { kind: 'CONFIRM' },
      orderBy: { id: 'desc' },
      take: 2,
    });
    for (const { at } of hands.installs) expect(at >= confirmed[0]!.at).toBe(true);
    expect([...seen]).toEqual(expect.arrayContaining(['WAITING_FOR_LICENSE', 'PROPAGATING', 'DONE']));
    const attempts = (await operations(one)).map((row) => row.attempts);
    expect(attempts.reduce((sum, n) => sum + n, 0)).toBe(4);
    const history = await world.database.prisma.deviceCommand.findMany({
      where: { appId: one.id },
      orderBy: { id: 'asc' },
    });
    expect(history.filter((row) => row.state === 'FAILED')).toHaveLength(2);
    expect(history.filter((row) => row.state === 'ACKNOWLEDGED')).toHaveLength(2);
  });

  test('S28 who waits for a license in the queue is installed when one comes up, and the task waits for that', async () => {
    const one = await short();
    const [deviceId] = await hands.devices(1);
    const [taskId, licensesId] = await install(one, [deviceId!], { onShortage: 'WAIT' });
    await hands.step();
    expect(await states(one)).toEqual(['WAITING_FOR_LICENSE']);
    const licenses = await taskOf(hands.world, licensesId!);
    expect(licenses).toMatchObject({ state: 'WAITING', waitsFor: 'LICENSES' });
    const shown = { state: 'WAITING', waitsFor: 'LICENSES', waitsUntil: licenses.waitsUntil, finishedAt: null };
    expect(await taskOf(hands.world, taskId!)).toMatchObject(shown);
    const [behind] = await install(one, [deviceId!, (await hands.devices(1))[0]!], { onShortage: 'WAIT' });
    await hands.step();
    expect(await taskOf(hands.world, behind!), 'one of two waits, the other one has failed').toMatchObject({
      state: 'WAITING',
      failed: 1n,
    });
    await cancelTask(hands.world.admin, { taskId: behind! });
    hands.act = () => 'HOLD';
    await buy(one, 2);
    await hands.until(async () => hands.installs.length === 1);
    expect(await taskOf(hands.world, taskId!)).toMatchObject({ state: 'RUNNING', phase: 'INSTALLING', waitsFor: null });
    hands.act = () => 'INSTALL';
    const { serialNumber } = await hands.world.database.prisma.device.findFirstOrThrow({ where: { id: deviceId! } });
    await hands.answerHeld(serialNumber);
    await hands.ended(taskId!, licensesId!);
    expect(await states(one)).toEqual(['DONE', 'CANCELLED']);
    expect(await taskOf(hands.world, taskId!)).toMatchObject({ outcome: 'ALL' });
  });

  test('S28 without a license there is no install: refused at once, or when the waiting is over', async () => {
    const one = await short();
    const deviceIds = await hands.devices(2);
    const [refused] = await install(one, [deviceIds[0]!], { onError: 'SKIP_FAILED' });
    await hands.ended(refused!);
    expect(await codes(refused!)).toEqual(['NO_LICENSES_AVAILABLE']);
    const waitUntil = new Date(hands.world.clock.now().getTime() + 60_000);
    const [waited] = await install(one, [deviceIds[1]!], { onShortage: 'WAIT', waitUntil });
    await hands.ended(waited!);
    expect(await codes(waited!)).toEqual(['WAIT_EXPIRED']);
    for (const more of [{ onError: 'ATOMIC' as const }, {}])
      await expect(install(one, [deviceIds[0]!], more)).rejects.toMatchObject({ code: 'NO_LICENSES_AVAILABLE' });
    expect(hands.installs).toEqual([]);
  });

  test('S28 the task of installs ends when its licenses end, though nothing else is left of it', async () => {
    const one = await app({ total: 1, supportedPlatforms: ['iOS', 'macOS'] });
    const [deviceId] = await hands.devices(1);
    const macs = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.4' });
    const input = {
      appIds: [one.id],
      target: { deviceIds: [deviceId!, ...macs] },
      install: true,
      onShortage: 'WAIT' as const,
    };
    const [licensesId, taskId] = (await associateLicenses(hands.world.admin, input)).taskIds;
    await hands.until(async () => (await states(one)).every((state) => state === 'DONE'));
    await hands.step();
    expect((await taskOf(hands.world, taskId!)).finishedAt).toBeNull();
    await buy(one, 2);
    await hands.ended(licensesId!, taskId!);
    expect(await taskOf(hands.world, licensesId!)).toMatchObject({ outcome: 'ALL' });
    expect(await taskOf(hands.world, taskId!)).toMatchObject({ outcome: 'SOME', completed: 1n, failed: 1n });
    expect(await codes(taskId!)).toEqual(['INSTALL_NOT_SUPPORTED']);
  });

  test('S28 bad items say why and stop no other, and no seat is taken for them', async () => {
    const one = await app({ supportedPlatforms: ['iOS', 'macOS'] });
    const [good] = await hands.devices(1);
    const macs = await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.4' });
    const away = await makeDevices(hands.world, 1);
    const [taskId] = await install(one, [good!, ...macs, ...away, 999_999n]);
    const [second] = await install(one, [good!], { onError: 'SKIP_FAILED' });
    await hands.ended(taskId!, second!);
    expect(await codes(taskId!)).toEqual(['DEVICE_NOT_ENROLLED', 'INSTALL_NOT_SUPPORTED', 'UNKNOWN_DEVICE']);
    expect(await codes(second!)).toEqual(['OPERATION_IN_PROGRESS']);
    expect(await taskOf(hands.world, taskId!)).toMatchObject({ requested: 4n, completed: 1n, outcome: 'SOME' });
    expect(await liveOf(hands.world, one)).toHaveLength(1);
    await expect(install(one, macs, { onError: 'ATOMIC' })).rejects.toMatchObject({ code: 'INSTALL_NOT_SUPPORTED' });
    await hands.world.database.prisma.app.update({
      where: { organizationId_id: { organizationId: hands.world.organizationId, id: one.id } },
      data: { platforms: ['tvOS'] },
    });
    await expect(install(one, [good!], { onError: 'ATOMIC' })).rejects.toMatchObject({
      code: 'PLATFORM_NOT_SUPPORTED',
    });
    await expect(
      install(one, away, { onError: 'ATOMIC', target: { serialNumbers: ['NOBODY'] } }),
    ).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE' });
  });

  test('S28 when all are refused at once for one reason, that is the answer, and nothing is started', async () => {
    const [one, two] = [await app({ supportedPlatforms: ['iOS', 'macOS'] }), await app({ total: 0 })];
    const macs = await makeDevices(hands.world, 2, { family: 'MAC', osVersion: '14.4' });
    const away = await makeDevices(hands.world, 2);
    const [good] = await hands.devices(1);
    const tasks = () => hands.world.database.prisma.task.count();
    const before = await tasks();
    const refused = (of: TestApp, deviceIds: bigint[], more: Partial<InstallInput> = {}) =>
      install(of, deviceIds, more).then(
        () => null,
        (error: { code?: string }) => error.code,
      );
    expect(await refused(one, [macs[0]!])).toBe('INSTALL_NOT_SUPPORTED');
    expect(await refused(one, [away[0]!])).toBe('DEVICE_NOT_ENROLLED');
    expect(await refused(one, [], { target: { serialNumbers: ['NOBODY', 'NOBODY2'] } })).toBe('UNKNOWN_DEVICE');
    expect(await refused(two, [good!])).toBe('NO_LICENSES_AVAILABLE');
    expect(await tasks()).toBe(before);
    const [mixed] = await install(one, [...macs, ...away]);
    const [several] = await install(one, macs);
    expect((await codes(several!)).length, 'one answer would name one device only').toBe(2);
    const [asked] = await install(one, macs, { onError: 'SKIP_FAILED' });
    expect(
      [await codes(mixed!), await codes(asked!)].map((found) => found.length),
      'reasons differ, or a task was asked for',
    ).toEqual([4, 2]);
    const [done] = await install(one, [good!]);
    expect(await refused(one, [good!])).toBe('OPERATION_IN_PROGRESS');
    await hands.ended(done!, mixed!, several!, asked!);
    expect(await refused(one, [good!])).toBe('ALREADY_INSTALLED');
    await expect(retryTask(hands.world.admin, { taskId: asked! }), 'a second try is a task').resolves.toBeDefined();
  });
});

describe('S28 seats of installs that come to nothing', () => {
  test('S28 a failed install gives its seat back, unless it is to stay; one that was there before stays', async () => {
    const [back, kept, before] = [await app(), await app(), await app()];
    const deviceIds = await hands.devices(1);
    await hands.ended(await associate(hands.world, before, deviceIds));
    hands.act = () => 'BROKEN';
    const tasks = [
      await install(back, deviceIds),
      await install(kept, deviceIds, { keepLicenses: true }),
      await install(before, deviceIds),
    ].flat();
    await hands.ended(...tasks);
    for (const of of [back, kept, before]) expect(await states(of)).toEqual(['FAILED']);
    expect(await Promise.all([back, kept, before].map(atApple))).toEqual([0, 1, 1]);
    expect(await codes(tasks[0]!)).toEqual(['NOT_ASSIGNABLE']);
    // Tried again: with a license of its own where it went back, and with the one that stayed.
    hands.act = () => 'INSTALL';
    const again = [
      await retryTask(hands.world.admin, { taskId: tasks[0]! }),
      await retryTask(hands.world.admin, { taskId: tasks[2]! }),
    ];
    await hands.ended(...again, ...tasks);
    await hands.until(
      async () => (await hands.world.database.prisma.task.count({ where: { finishedAt: null } })) === 0,
    );
    expect([await states(back), await states(kept)]).toEqual([
      ['FAILED', 'DONE'],
      ['FAILED', 'DONE'],
    ]);
    for (const taskId of again)
      expect(await taskOf(hands.world, taskId)).toMatchObject({ kind: 'INSTALL', outcome: 'ALL' });
    expect(await Promise.all([back, kept, before].map(atApple))).toEqual([1, 1, 1]);
  });

  test('S28 cancelled before the license is confirmed: nothing is sent, and the seat comes back', async () => {
    hands.world.simulator.admin.setOptions({ eventBatchMs: 60_000 });
    const [back, kept] = [await app(), await app()];
    const deviceIds = await hands.devices(2);
    const [taskId, licensesId] = await install(back, deviceIds);
    const [second, itsLicenses] = await install(kept, deviceIds, { keepLicenses: true });
    await hands.step();
    expect(await cancelTask(hands.world.admin, { taskId: taskId! })).toEqual({ taskId, underWay: 0 });
    await cancelTask(hands.world.admin, { taskId: second! });
    await hands.ended(taskId!, licensesId!, second!, itsLicenses!);
    hands.world.simulator.admin.setOptions({ eventBatchMs: 0 });
    expect([await states(back), await states(kept)]).toEqual(Array(2).fill(['CANCELLED', 'CANCELLED']));
    expect(hands.installs).toEqual([]);
    expect([await atApple(back), await atApple(kept)]).toEqual([0, 2]);
    expect(await taskOf(hands.world, taskId!)).toMatchObject({ state: 'CANCELLED', failed: 2n });
    expect((await taskOf(hands.world, licensesId!)).state).toBe('CANCELLED');
  });

  test('S28 cancelled while a device has its command: it is said, the command runs its course and is not tried again', async () => {
    const one = await app();
    const deviceIds = await hands.devices(3);
    const rows = await hands.world.database.prisma.device.findMany({
      where: { id: { in: deviceIds } },
      orderBy: { id: 'asc' },
    });
    const [held, late] = rows.map((row) => row.serialNumber);
    hands.act = (serialNumber) => (serialNumber === held || serialNumber === late ? 'HOLD' : 'UNSEEN');
    const [taskId, licensesId] = await install(one, deviceIds);
    await hands.until(async () => hands.installs.length >= 3);
    await hands.until(async () => (await states(one)).includes('PROPAGATING'));
    expect(await cancelTask(hands.world.admin, { taskId: taskId! })).toMatchObject({ underWay: 2 });
    await hands.answerHeld(late!);
    const told = hands.installs.length;
    await hands.world.clock.advance(8 * 86_400_000);
    await hands.ended(taskId!, licensesId!);
    expect(await states(one)).toEqual(['TIMED_OUT', 'CANCELLED', 'CANCELLED']);
    expect(hands.installs).toHaveLength(told);
    expect(await atApple(one)).toBe(0);
  });

  test('S28 cancelled while it waits for a license: the place in the queue goes, and both tasks end', async () => {
    const [one, other] = [await short(), await short()];
    const deviceIds = await hands.devices(1);
    const [taskId, licensesId] = await install(one, deviceIds, { onShortage: 'WAIT' });
    const input = { appIds: [other.id], target: { deviceIds }, install: true, onShortage: 'WAIT' as const };
    const [licenses, installs] = (await associateLicenses(hands.world.admin, input)).taskIds;
    await hands.step();
    await cancelTask(hands.world.admin, { taskId: taskId! });
    // From the other side: the licenses are cancelled, and what waited for them is too.
    await cancelTask(hands.world.admin, { taskId: licenses! });
    await hands.ended(taskId!, licensesId!, licenses!, installs!);
    expect([await states(one), await states(other)]).toEqual([['CANCELLED'], ['CANCELLED']]);
    expect(await hands.world.database.prisma.licenseWait.count()).toBe(0);
    expect(await taskOf(hands.world, installs!)).toMatchObject({ outcome: 'NONE', failed: 1n });
    await buy(one, 2);
    await hands.step();
    expect(await liveOf(hands.world, one)).toHaveLength(1);
  });

  test('S28 licenses that are cancelled before they are sent take their installs with them', async () => {
    const one = await app();
    const deviceIds = await hands.devices(2);
    const input = { appIds: [one.id], target: { deviceIds }, install: true };
    const [licensesId, taskId] = (await associateLicenses(hands.world.admin, input)).taskIds;
    await cancelTask(hands.world.admin, { taskId: licensesId! });
    await hands.ended(licensesId!, taskId!);
    expect(await states(one)).toEqual(['CANCELLED', 'CANCELLED']);
    const again = await retryTask(hands.world.admin, { taskId: licensesId! });
    await hands.until(
      async () => (await hands.world.database.prisma.task.count({ where: { finishedAt: null } })) === 0,
    );
    expect(await taskOf(hands.world, again)).toMatchObject({ kind: 'ASSOCIATE', outcome: 'ALL' });
    expect((await states(one)).slice(2)).toEqual(['DONE', 'DONE']);
  });
});

describe('F5 plans of installs', () => {
  const plan = (of: TestApp, deviceIds: bigint[], more: Partial<AssociateInput> = {}) =>
    makePlan(hands.world.admin, 'ASSOCIATION', { appIds: [of.id], target: { deviceIds }, install: true, ...more });
  const items = async (planId: bigint) =>
    (await hands.world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } })).map(
      ({ deviceId, outcome, licenses, code }) => [deviceId, outcome, Number(licenses), code],
    );

  test('F5 S28 which apps are installed behind their licenses, which not and why; applied it is what was shown', async () => {
    const one = await app({ total: 3, supportedPlatforms: ['iOS', 'macOS'] });
    const [held, fresh] = (await hands.devices(2)) as [bigint, bigint];
    const [mac] = (await makeDevices(hands.world, 1, { family: 'MAC', osVersion: '14.0' })) as [bigint];
    const [short] = (await hands.devices(1)) as [bigint];
    await hands.ended(await associate(hands.world, one, [held]));
    const before = await hands.world.database.prisma.appOperation.count();
    const { planId } = await plan(one, [held, fresh, mac, short], { onError: 'SKIP_FAILED' });
    expect(await hands.world.database.prisma.appOperation.count(), 'nothing was done').toBe(before);
    expect(await items(planId)).toEqual([
      [held, 'INSTALL_APP', 0, null],
      [held, 'REFUSED', 1, 'ALREADY_LICENSED'],
      [fresh, 'GIVE', 1, null],
      [fresh, 'INSTALL_APP', 0, null],
      [mac, 'GIVE', 1, null],
      [mac, 'REFUSED', 0, 'INSTALL_NOT_SUPPORTED'],
      [short, 'REFUSED', 1, 'NO_LICENSES_AVAILABLE'],
      [short, 'REFUSED', 0, 'NO_LICENSES_AVAILABLE'],
    ]);
    const [sum] = await summarizePlan(preparedRows(hands.world.database.pool), hands.world.organizationId, planId);
    expect(sum).toMatchObject({ requested: 4n, given: 2n, refused: 2n, shortfall: 1n, installs: 2n, appsRefused: 2n });
    const applied = await applyPlan(hands.world.admin, { planId });
    await hands.ended(applied.taskId!, applied.installsTaskId!);
    expect(await codes(applied.installsTaskId!)).toEqual(['INSTALL_NOT_SUPPORTED', 'NO_LICENSES_AVAILABLE']);
    expect(await taskOf(hands.world, applied.installsTaskId!)).toMatchObject({
      kind: 'INSTALL',
      completed: 2n,
      failed: 2n,
    });
    expect(await applyPlan(hands.world.admin, { planId }), 'once').toEqual({ ...applied, replayed: true });
  });

  test('F5 a device that enrolls, or the MDM server that goes, makes the plan stale; without one nothing is planned', async () => {
    const one = await app();
    const [first, second] = (await makeDevices(hands.world, 2)) as [bigint, bigint];
    const ofFirst = await plan(one, [first], { onError: 'SKIP_FAILED' });
    const ofSecond = await plan(one, [second], { onError: 'SKIP_FAILED' });
    expect(await items(ofFirst.planId)).toContainEqual([first, 'REFUSED', 0, 'DEVICE_NOT_ENROLLED']);
    await hands.enroll([first]);
    await expect(applyPlan(hands.world.admin, ofFirst)).rejects.toMatchObject({
      code: 'PLAN_STALE',
      changed: ['ITEMS'],
    });
    const { prisma } = hands.world.database;
    await prisma.mdmConnection.updateMany({ data: { removedAt: hands.world.clock.now() } });
    await expect(applyPlan(hands.world.admin, ofSecond)).rejects.toMatchObject({
      code: 'PLAN_STALE',
      changed: ['ITEMS'],
    });
    await expect(plan(one, [first])).rejects.toMatchObject({ code: 'MDM_NOT_CONNECTED' });
    await prisma.mdmConnection.updateMany({ data: { removedAt: null } });
    expect(await operations(one), 'nothing was done').toEqual([]);
  });
});
