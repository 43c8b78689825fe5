/** What is taken back, what counts as a try, and what wakes the schedule; over the real engine of operations. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { updateOrganization } from '../../../src/domain/organization/update.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { pauseUpdates, retryStuckUpdates } from '../../../src/domain/update/pause.ts';
import type { PolicyInput } from '../../../src/domain/update/policy-input.ts';
import { setUpdatePolicy } from '../../../src/domain/update/set-policy.ts';
import { createFleet, type Fleet } from './fleet.ts';

let fleet: Fleet;
const prisma = () => fleet.database.prisma;
beforeAll(async () => {
  fleet = await createFleet();
});
afterAll(() => fleet.close());
beforeEach(async () => {
  await prisma().updatePolicy.deleteMany({});
  await prisma().installedApp.deleteMany({});
  await setUpdatePolicy(fleet.admin, { mode: 'NEVER' });
  await fleet.step();
  await fleet.answer();
  await fleet.step();
});

const hour = 3_600_000;
async function give(count: number, policy: PolicyInput) {
  await setUpdatePolicy(fleet.admin, policy);
  const devices = await fleet.devices(count);
  const app = await fleet.app('2');
  await fleet.install(app, devices, '1');
  return { app, devices };
}
/** Devices are asked, answer, and as many updates are planned as there are places. */
async function send() {
  await fleet.step();
  await fleet.answer(() => null);
  await fleet.step();
}
const itemsOf = (appId: bigint) => prisma().updateItem.findMany({ where: { appId }, orderBy: { id: 'asc' } });
const statesOf = async (appId: bigint) => (await itemsOf(appId)).map(({ state }) => state);
const operationsOf = (appId: bigint) => prisma().appOperation.findMany({ where: { appId }, orderBy: { id: 'asc' } });
const attemptsOf = (appId: bigint) => prisma().updateAttempt.findMany({ where: { appId } });
const codesOf = async (appId: bigint) =>
  (await prisma().taskFailure.findMany({ where: { appId } })).map(({ code }) => code);

test('S54 F10 another time zone and another group wake the schedule, and what waits is judged anew', async () => {
  const windows = [{ day: 'TUESDAY' as const, startsAt: '20:00', endsAt: '23:00' }];
  const { app, devices } = await give(2, { mode: 'SCHEDULED', windows });
  await fleet.step();
  const dueAt = async () => (await prisma().updateSchedule.findFirstOrThrow()).dueAt;
  const before = await dueAt();
  await updateOrganization(fleet.as('organization:write'), { timeZone: 'Europe/Zurich' });
  expect(await prisma().updateWake.count({ where: { appId: null, deviceId: null } })).toBe(1);
  await fleet.step();
  expect(before!.getTime() - (await dueAt())!.getTime()).toBe(hour);
  await fleet.clock.set((await dueAt())!);
  await fleet.step();
  expect(await statesOf(app)).toEqual(['ASKED', 'ASKED']);
  const group = await prisma().deviceGroup.create({
    data: {
      organizationId: fleet.organizationId,
      name: 'Frozen',
      kind: 'STATIC',
      createdAt: fleet.clock.now(),
      updatedAt: fleet.clock.now(),
    },
  });
  await setUpdatePolicy(fleet.admin, { mode: 'NEVER', deviceGroupId: group.id });
  await fleet.step();
  await prisma().deviceGroupMember.create({
    data: { organizationId: fleet.organizationId, groupId: group.id, deviceId: devices[0]! },
  });
  await fleet.step();
  expect(await statesOf(app)).toEqual(['CANCELLED', 'ASKED']);
  expect(await codesOf(app)).toEqual(['POLICY_CHANGED']);
  // In the zone that counts from now on the window is closed.
  await updateOrganization(fleet.as('organization:write'), { timeZone: 'America/New_York' });
  await fleet.step();
  expect(await statesOf(app)).toEqual(['CANCELLED', 'CANCELLED']);
  await prisma().deviceGroup.delete({
    where: { organizationId_id: { organizationId: fleet.organizationId, id: group.id } },
  });
  await updateOrganization(fleet.as('organization:write'), { timeZone: 'UTC' });
});

test('S60 F10 what never left for a device is no try: it is not STUCK and does not brake the version', async () => {
  const { app } = await give(3, { mode: 'IMMEDIATELY', maxAttempts: 1, pauseAfter: 1, pauseAtPercent: 1 });
  await send();
  expect(await statesOf(app)).toEqual(Array(3).fill('SENT'));
  await prisma().enrollment.updateMany({ data: { state: 'GONE', goneAt: fleet.clock.now() } });
  await fleet.answer(undefined, () => false);
  await fleet.step();
  expect(await statesOf(app)).toEqual(Array(3).fill('FAILED'));
  expect(await attemptsOf(app)).toMatchObject(Array(3).fill({ attempts: 0, stuckAt: null, outcome: null }));
  expect(await prisma().updateRollout.findFirst({ where: { appId: app } })).toMatchObject({
    failed: 0,
    pausedAt: null,
  });
  await prisma().enrollment.updateMany({ data: { state: 'ENROLLED', goneAt: null } });
  await fleet.clock.advance(2 * hour);
  await fleet.settle();
  expect((await statesOf(app)).filter((state) => state === 'UPDATED')).toHaveLength(3);
});

test('F10 the brake recalls what did not leave, planned or written down, and the cause says so', async () => {
  const { app, devices } = await give(6, { mode: 'IMMEDIATELY', pauseAfter: 2, pauseAtPercent: 50 });
  await send();
  const [first, second, third] = devices;
  // Two decline; the commands of the third are written down and wait; the others wait for their turn.
  await prisma().appOperation.updateMany({
    where: { appId: app, deviceId: { notIn: [first!, second!, third!] } },
    data: { dueAt: new Date(fleet.clock.now().getTime() + hour) },
  });
  await fleet.answer(
    () => 'FAILED',
    (device) => device === first || device === second,
  );
  await fleet.step();
  await fleet.clock.advance(1_000);
  await fleet.answer();
  await fleet.step();
  expect((await operationsOf(app)).map(({ state, cause }) => [state, (cause as { code: string }).code])).toEqual([
    ...Array(2).fill(['FAILED', 'USER_REJECTED']),
    ...Array(4).fill(['CANCELLED', 'UPDATES_PAUSED']),
  ]);
  expect(await statesOf(app)).toEqual([...Array(2).fill('FAILED'), ...Array(4).fill('CANCELLED')]);
  expect((await codesOf(app)).sort()).toEqual([...Array(4).fill('UPDATES_PAUSED'), ...Array(2).fill('USER_REJECTED')]);
  expect(await attemptsOf(app)).toHaveLength(2);
});

test.each([
  [
    'UPDATES_PAUSED',
    async (appId: bigint) => {
      const { id } = await prisma().updateRollout.findFirstOrThrow({ where: { appId } });
      await pauseUpdates(fleet.admin, { rolloutId: id });
    },
  ],
  ['POLICY_CHANGED', async () => setUpdatePolicy(fleet.admin, { mode: 'NEVER' })],
  [
    'TASK_CANCELLED',
    async () => {
      await prisma().task.updateMany({
        where: { kind: 'UPDATE', finishedAt: null },
        data: { cancelRequestedAt: fleet.clock.now() },
      });
      await fleet.step();
    },
  ],
] as const)('S57 F10 recalled with its true cause: %s', async (code, recall) => {
  const { app } = await give(2, { mode: 'IMMEDIATELY' });
  await send();
  await recall(app);
  await fleet.answer();
  await fleet.step();
  expect((await operationsOf(app)).map(({ state, attempts }) => [state, attempts])).toEqual(
    Array(2).fill(['CANCELLED', 0]),
  );
  expect(await codesOf(app)).toEqual([code, code]);
  expect(await attemptsOf(app)).toEqual([]);
});

test('F10 devices that go silent hold their places for an hour, and ones that work on it until they are done', async () => {
  const { app } = await give(6, { mode: 'IMMEDIATELY', maxInFlight: 2, pauseAtPercent: null });
  await send();
  await fleet.answer(() => null);
  for (let minutes = 0; minutes < 60; minutes += 6) {
    await fleet.step();
    await fleet.answer(() => null);
    expect((await statesOf(app)).filter((state) => state === 'SENT')).toHaveLength(2);
    await fleet.clock.advance(6 * 60_000);
  }
  await fleet.clock.advance(1_000);
  await send();
  await fleet.answer(() => 'UNCHANGED');
  expect((await statesOf(app)).filter((state) => state === 'SENT')).toHaveLength(4);
  await fleet.clock.advance(2 * hour);
  await send();
  expect((await statesOf(app)).filter((state) => state === 'SENT')).toHaveLength(4);
});

test('F10 devices that can not be asked take no place from those that can', async () => {
  const { app, devices } = await give(104, { mode: 'IMMEDIATELY' });
  await fleet.step();
  await prisma().enrollment.updateMany({
    where: { deviceId: { in: devices.slice(0, 103) } },
    data: { state: 'ENROLLING' },
  });
  await prisma().updateItem.updateMany({ where: { appId: app }, data: { state: 'WAITING', askedAt: null } });
  await prisma().deviceCommand.deleteMany({ where: { kind: 'LIST_INSTALLED_APPS' } });
  await fleet.step();
  expect((await itemsOf(app)).find(({ deviceId }) => deviceId === devices[103])).toMatchObject({ state: 'ASKED' });
});

test('F10 a clock that stands still opens another run of the same policy', async () => {
  const { devices } = await give(1, { mode: 'IMMEDIATELY' });
  await fleet.step();
  await prisma().task.updateMany({ where: { finishedAt: null }, data: { cancelRequestedAt: fleet.clock.now() } });
  await fleet.step();
  const app = await fleet.app('2');
  await fleet.install(app, devices, '1');
  await fleet.step();
  expect(await statesOf(app)).toEqual(['WAITING']);
});

test('S60 retryStuckUpdates takes as many devices as any other mutation, and no more', async () => {
  const app = await fleet.app('2');
  const deviceIds = Array.from({ length: 10_001 }, (_, n) => BigInt(n + 1));
  await expect(retryStuckUpdates(fleet.admin, { appId: app, deviceIds })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  expect(await retryStuckUpdates(fleet.admin, { appId: app, deviceIds: deviceIds.slice(1) })).toBe(0);
});

test('§2.4 S60 a run is not retried: the answer says what goes on by itself, and what to call for the rest', async () => {
  const { app } = await give(1, { mode: 'IMMEDIATELY' });
  await fleet.step();
  await setUpdatePolicy(fleet.admin, { mode: 'NEVER' });
  await fleet.step();
  expect(await statesOf(app)).toEqual(['CANCELLED']);
  const { taskId } = (await itemsOf(app))[0]!;
  await prisma().task.updateMany({ where: { id: taskId }, data: { finishedAt: fleet.clock.now() } });
  await expect(retryTask(fleet.admin, { taskId })).rejects.toMatchObject({
    code: 'TASK_NOT_RETRYABLE',
    message: expect.stringMatching(/by itself.*STUCK call retryStuckUpdates.*paused resumeUpdates/),
  });
});
