import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { resumeUpdates } from '../../../src/domain/update/pause.ts';
import type { PolicyInput } from '../../../src/domain/update/policy-input.ts';
import { readUpdateDecision } from '../../../src/domain/update/read-decision.ts';
import { setUpdatePolicy } from '../../../src/domain/update/set-policy.ts';
import { createFleet, type Fleet } from './fleet.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await createFleet();
});
afterAll(() => fleet.close());

const tasks = () => fleet.database.prisma.task.findMany({ where: { kind: 'UPDATE' }, orderBy: { id: 'asc' } });
const items = (appId: bigint) =>
  fleet.database.prisma.updateItem.findMany({ where: { appId }, orderBy: { id: 'asc' } });

test('S53 S58 F10 a new version: devices are asked first, never more than the cap under way, and a task tells it', async () => {
  await setUpdatePolicy(fleet.admin, { mode: 'IMMEDIATELY', maxInFlight: 5 });
  const devices = await fleet.devices(40);
  const app = await fleet.app('100');
  await fleet.install(app, devices, '100');
  await fleet.step();
  expect(await tasks()).toEqual([]);
  await fleet.release(app, '101');
  await fleet.step();
  expect(new Set((await items(app)).map(({ state }) => state))).toEqual(new Set(['ASKED']));
  const most = await fleet.settle();
  expect(most).toBe(5);
  expect((await items(app)).every(({ state }) => state === 'UPDATED')).toBe(true);
  const [task] = await tasks();
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 40n, completed: 40n, failed: 0n });
});

const onlyPolicy = async (policy: PolicyInput) => {
  await fleet.database.prisma.updatePolicy.deleteMany({});
  // What earlier tests left on their devices is nobody's business any more.
  await fleet.database.prisma.installedApp.deleteMany({});
  return setUpdatePolicy(fleet.admin, policy);
};
const attempts = (appId: bigint) => fleet.database.prisma.updateAttempt.findMany({ where: { appId } });
const rolloutOf = (appId: bigint) => fleet.database.prisma.updateRollout.findFirstOrThrow({ where: { appId } });
const give = async (count: number, like: Parameters<Fleet['devices']>[1] = {}) => {
  const devices = await fleet.devices(count, like);
  const app = await fleet.app('2');
  await fleet.install(app, devices, '1');
  return { devices, app };
};

test('S57 NEVER sends nothing, takes back what is not sent, and what is available stays visible', async () => {
  await onlyPolicy({ mode: 'IMMEDIATELY', maxInFlight: 1 });
  const { app, devices } = await give(4);
  await fleet.step();
  await setUpdatePolicy(fleet.admin, { mode: 'NEVER' });
  await fleet.settle();
  expect((await items(app)).map(({ state }) => state)).toEqual(Array(4).fill('CANCELLED'));
  expect(await attempts(app)).toEqual([]);
  const decision = await readUpdateDecision(preparedRows(fleet.database.pool), fleet.organizationId, {
    deviceId: devices[0]!,
    appId: app,
    now: fleet.clock.now(),
  });
  expect(decision).toMatchObject({
    verdict: 'AVAILABLE',
    willUpdate: false,
    reasons: [{ code: 'POLICY_NEVER' }, { code: 'VERSION_DIFFERS' }],
  });
});

test('S54 S55 F10 nothing outside of the window, nothing in its last minutes, and the rest goes on in the next one', async () => {
  await onlyPolicy({
    mode: 'SCHEDULED',
    windows: [{ day: 'SATURDAY', startsAt: '23:30', endsAt: '00:30' }],
    maxInFlight: 2,
  });
  const { app } = await give(12);
  const sentAt: Date[] = [];
  for (let known = 0; sentAt.length < 12; ) {
    await fleet.step();
    const sent = await fleet.database.prisma.updateItem.count({ where: { appId: app, operationId: { not: null } } });
    for (; known < sent; known++) sentAt.push(fleet.clock.now());
    // Each takes a quarter of an hour; two places are eight in an hour, less the margin at its end.
    await fleet.answer(() => (fleet.clock.now().getMinutes() % 15 === 0 ? 'DONE' : null));
    const open = await fleet.database.prisma.updateItem.count({ where: { appId: app, endedAt: null } });
    if (open === 0) await fleet.toNext();
    else await fleet.clock.advance(5 * 60_000);
    if (fleet.clock.now() > new Date('2026-12-20T00:00:00Z')) break;
  }
  expect(sentAt).toHaveLength(12);
  for (const at of sentAt) {
    const minute =
      ((at.getUTCDay() * 24 + at.getUTCHours()) * 60 + at.getUTCMinutes() + 10_080 - (6 * 24 + 23.5) * 60) % 10_080;
    expect(minute).toBeLessThan(50);
  }
  expect(new Set(sentAt.map((at) => Math.floor((at.getTime() / 86_400_000 - 2) / 7))).size).toBe(2);
  expect(new Set((await items(app)).map(({ state }) => state))).toContain('CARRIED_OVER');
  await fleet.settle();
});

test('S55 a device that is off is sent nothing, however often its window opens', async () => {
  await onlyPolicy({ mode: 'SCHEDULED', windows: [{ day: 'MONDAY', startsAt: '20:00', endsAt: '22:00' }] });
  const { app } = await give(3);
  for (let openings = 0; openings < 2; ) {
    await fleet.step();
    await fleet.toNext();
    const open = await fleet.database.prisma.updateItem.count({ where: { appId: app, endedAt: null } });
    if (open === 0) continue;
    openings++;
    await fleet.clock.advance(2 * 3_600_000);
  }
  await fleet.step();
  expect(await attempts(app)).toEqual([]);
  const states = (await items(app)).map(({ state }) => state);
  expect(states).toHaveLength(6);
  expect(new Set(states)).toEqual(new Set(['CARRIED_OVER']));
});

test('S60 F10 a kiosk fleet: tried as often as the policy allows, with growing waits, then STUCK until a newer version', async () => {
  await onlyPolicy({ mode: 'IMMEDIATELY', maxAttempts: 3, pauseAtPercent: null });
  const { app, devices } = await give(10);
  // A device is given six hours to get there, and the waits between the tries are 1 and 6 hours.
  for (let hours = 0; hours < 28; hours += 2) {
    for (const _ of ['asked', 'sent']) {
      await fleet.step();
      await fleet.answer(() => 'UNCHANGED');
    }
    await fleet.clock.advance(2 * 3_600_000);
  }
  await fleet.step();
  const known = await attempts(app);
  expect(known).toHaveLength(10);
  expect(known.every((one) => one.attempts === 3 && one.outcome === 'UNCHANGED' && one.stuckAt !== null)).toBe(true);
  expect(await fleet.database.prisma.appOperation.count({ where: { appId: app } })).toBe(30);
  await fleet.release(app, '3');
  await fleet.settle();
  expect((await attempts(app)).filter(({ outcome }) => outcome === 'UPDATED')).toHaveLength(10);
  expect(devices).toHaveLength(10);
});

test('F10 the brake: a version that goes wrong is paused within one batch, says why, and goes on when resumed', async () => {
  await onlyPolicy({ mode: 'IMMEDIATELY', maxInFlight: 20, pauseAtPercent: 5, pauseAfter: 20 });
  const { app } = await give(60);
  let n = 0;
  await fleet.step();
  for (let round = 0; round < 6; round++) {
    await fleet.answer(() => (n++ % 20 === 7 ? 'FAILED' : 'DONE'));
    await fleet.clock.advance(30_000);
    await fleet.step();
  }
  const rollout = await rolloutOf(app);
  expect(rollout.pauseCause).toMatchObject({ code: 'FAILURE_RATE' });
  const sent = await fleet.database.prisma.appOperation.count({ where: { appId: app } });
  expect(sent).toBeLessThanOrEqual(40);
  await resumeUpdates(fleet.admin, { rolloutId: rollout.id });
  await fleet.settle();
  expect((await items(app)).filter(({ state }) => state === 'UPDATED').length).toBeGreaterThanOrEqual(58);
});

test('F10 rings: one device first, then a share, then all, each when the one before has soaked', async () => {
  const devices = await fleet.devices(30);
  const app = await fleet.app('2');
  const group = await fleet.database.prisma.deviceGroup.create({
    data: {
      organizationId: fleet.organizationId,
      name: 'Pilots',
      kind: 'STATIC',
      createdAt: fleet.clock.now(),
      updatedAt: fleet.clock.now(),
    },
  });
  await fleet.database.prisma.deviceGroupMember.create({
    data: { organizationId: fleet.organizationId, groupId: group.id, deviceId: devices[7]! },
  });
  await onlyPolicy({
    mode: 'IMMEDIATELY',
    rings: [
      { deviceGroupId: group.id, soakHours: 2 },
      { percent: 40, soakHours: 4 },
    ],
  });
  const start = fleet.clock.now().getTime();
  await fleet.install(app, devices, '1');
  for (let hours = 0; hours < 8; hours++) {
    for (const _ of ['asked', 'sent', 'ended']) {
      await fleet.step();
      await fleet.answer();
    }
    await fleet.clock.advance(3_600_000);
  }
  const ended = (await items(app)).map(({ ring, endedAt }) => ({
    ring,
    hours: (endedAt!.getTime() - start) / 3_600_000,
  }));
  const of = (ring: number) => ended.filter((one) => one.ring === ring).map(({ hours }) => hours);
  expect(of(0)).toHaveLength(1);
  expect(of(1).length).toBeGreaterThan(3);
  expect(of(1).length + of(2).length).toBe(29);
  expect(Math.min(...of(1))).toBeGreaterThanOrEqual(2);
  expect(Math.min(...of(2))).toBeGreaterThanOrEqual(6);
});

test('S54 F10 windows in the devices’ own zones, and in the organization’s where a device does not say its zone', async () => {
  await onlyPolicy({
    mode: 'SCHEDULED',
    zone: 'DEVICE',
    windows: [{ day: 'SUNDAY', startsAt: '02:30', endsAt: '04:00' }],
    pauseAtPercent: null,
  });
  const app = await fleet.app('2');
  await fleet.clock.set(new Date('2027-03-27T12:00:00Z'));
  const zones = ['Europe/Zurich', 'America/New_York', 'Mars/Base', null];
  const devices = [];
  for (const timeZone of zones) devices.push(...(await fleet.devices(1, { timeZone })));
  await fleet.install(app, devices, '1');
  for (let n = 0; n < 14; n++) {
    await fleet.step();
    await fleet.answer();
    await fleet.toNext();
  }
  const opened = await fleet.database.prisma.updateRun.findMany({
    where: { opensAt: { gt: new Date('2027-03-27T12:00:00Z') } },
    orderBy: { opensAt: 'asc' },
  });
  // In Zurich the clocks go forward over 02:30 that night.
  expect(opened.map(({ zone, opensAt }) => `${zone} ${opensAt.toISOString()}`)).toEqual([
    'Europe/Zurich 2027-03-28T01:00:00.000Z',
    'UTC 2027-03-28T02:30:00.000Z',
    'America/New_York 2027-03-28T06:30:00.000Z',
  ]);
  expect((await items(app)).map(({ state }) => state)).toEqual(Array(4).fill('UPDATED'));
});

test('S51 what is not from the store, or not licensed by Russet, is never touched', async () => {
  await onlyPolicy({ mode: 'IMMEDIATELY' });
  const [house, own] = [await fleet.app('2'), await fleet.app('2')];
  const devices = await fleet.devices(2);
  await fleet.install(house, devices, '0', true);
  await fleet.install(own, devices, '1', true);
  await fleet.database.prisma.license.deleteMany({ where: { appId: own } });
  await fleet.step();
  expect([await items(house), await items(own)]).toEqual([[], []]);
});

test('S58 S56 a run without an end goes on behind its start: its task moves one by one, and never more than the cap is under way', async () => {
  await onlyPolicy({ mode: 'SCHEDULED', windows: [{ day: 'WEDNESDAY', startsAt: '20:00' }], maxInFlight: 1 });
  const { app } = await give(4);
  await fleet.step();
  await fleet.toNext();
  const began = fleet.clock.now();
  const progress = new Set<bigint>();
  for (let round = 0; round < 30; round++) {
    await fleet.step();
    const [task] = await fleet.database.prisma.task.findMany({
      where: { kind: 'UPDATE' },
      orderBy: { id: 'desc' },
      take: 1,
    });
    progress.add(task!.completed);
    if (task!.finishedAt) break;
    const sent = await fleet.database.prisma.updateItem.count({ where: { appId: app, state: 'SENT' } });
    expect(sent).toBeLessThanOrEqual(1);
    await fleet.answer(() => (round % 3 === 2 ? 'DONE' : null));
    await fleet.clock.advance(9 * 60_000);
  }
  expect([...progress]).toEqual([0n, 1n, 2n, 3n, 4n]);
  expect(fleet.clock.now().getTime() - began.getTime()).toBeGreaterThan(3_600_000);
  const run = await fleet.database.prisma.updateRun.findFirstOrThrow({ orderBy: { taskId: 'desc' } });
  expect([run.opensAt, run.hardStop, run.closesAt.getTime() - run.opensAt.getTime()]).toEqual([
    began,
    false,
    86_400_000,
  ]);
});

test('S54 S52 two windows a week open twice in a virtual week, each at its time, whoever is on or off', async () => {
  const windows = [
    { day: 'MONDAY' as const, startsAt: '20:00', endsAt: '22:00' },
    { day: 'THURSDAY' as const, startsAt: '23:30', endsAt: '00:30' },
  ];
  const policyId = await onlyPolicy({ mode: 'SCHEDULED', windows });
  expect(await fleet.database.prisma.updatePolicy.findFirst({ where: { id: policyId } })).toMatchObject({
    mode: 'SCHEDULED',
    windows,
  });
  await give(1);
  const from = fleet.clock.now();
  while (fleet.clock.now().getTime() < from.getTime() + 7 * 86_400_000) {
    await fleet.step();
    const open = await fleet.database.prisma.updateItem.count({ where: { endedAt: null } });
    if (open === 0) await fleet.toNext();
    else await fleet.clock.advance(29 * 60_000);
  }
  const opened = await fleet.database.prisma.updateRun.findMany({ where: { policyId }, orderBy: { opensAt: 'asc' } });
  const times = opened.map(({ opensAt }) => `${opensAt.getUTCDay()} ${opensAt.toISOString().slice(11, 16)}`);
  expect(times.sort()).toEqual(['1 20:00', '4 23:30']);
  await setUpdatePolicy(fleet.admin, { mode: 'NEVER' });
  await fleet.step();
});
