/** Syncs that cost what has changed, the nightly one that costs all, and differences to Apple's counts that are looked into. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nextNight } from '../../src/domain/sync/night.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { school } from '../../src/simulator/index.ts';
import {
  bendAnswers,
  expectBalance,
  expectRightBooks,
  liveAtApple,
  liveHere,
  newTenant,
  readTask,
  readToken,
} from '../domain/sync/support.ts';
import { createWorld, schoolUnits, type World } from '../support/world.ts';

let world: World;
const unbend: (() => void)[] = [];
beforeAll(async () => {
  world = await createWorld();
});
afterEach(() => {
  for (const undo of unbend.splice(0)) undo();
  world.services.settings.reconcileHour = null;
});
afterAll(() => world.close());

const uId = schoolUnits.own;
const minutes = (count: number) => world.clock.advance(count * 60_000);

/** What Apple is asked for by `work`, as operation and query. */
async function asked(work: () => Promise<unknown>): Promise<string[]> {
  world.simulator.admin.clearJournal();
  await work();
  return world.simulator.admin
    .journal({ limit: 1_000 })
    .filter((entry) => entry.operation === 'getAssets' || entry.operation === 'getAssignments')
    .map((entry) => `${entry.operation} ${Object.keys(entry.query).sort().join(' ')}`.trim());
}

const poolOf = (tokenId: bigint, adamId: string) =>
  world.database.prisma.licensePool.findFirstOrThrow({ where: { tokenId, adamId } });
const unchanged = ['getAssets pageIndex', 'getAssignments pageIndex sinceVersionId'];

test('F3 a sync of a library that did not change asks Apple two questions, and says how old the counts are', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await minutes(11);
  let taskId = 0n;
  expect(
    await asked(async () => {
      taskId = (await tenant.sync(tokenId, false)).id;
    }),
  ).toEqual(unchanged);
  expect(await readTask(world, taskId)).toMatchObject({
    state: 'SUCCEEDED',
    outcome: 'ALL',
    syncMode: 'CHANGES',
    requested: 2n,
    completed: 2n,
  });
  expect((await readToken(world, tokenId)).sync).toMatchObject({
    completeness: 'COMPLETE',
    syncedAt: world.clock.now(),
  });
  expect(await poolOf(tokenId, school.usedUp)).toMatchObject({ appleAsOf: world.clock.now() });
});

test('F3 what was given outside comes with the delta, what was taken back is found by its count, and nothing else is read', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await minutes(11);
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  world.simulator.admin.unassign({ uId, ...gone! });
  world.simulator.admin.assign({ uId, adamId: school.twentyFive, serialNumber: 'SIMDELTA0001' });
  const questions = await asked(() => tenant.sync(tokenId, false));
  expect(questions).toEqual([...unchanged, 'getAssignments adamId includeUserState pageIndex']);
  await expectRightBooks(world, tokenId);
  expect(await poolOf(tokenId, school.usedUp)).toMatchObject({
    reconciledAt: world.clock.now(),
    corrected: 1n,
    lastDrift: 1n,
  });
});

test('F3 one given and one taken of the same app hide each other from the count and are both found', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await minutes(11);
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  world.simulator.admin.unassign({ uId, ...gone! });
  world.simulator.admin.assign({ uId, adamId: school.usedUp, serialNumber: 'SIMSWAP00001' });
  await tenant.sync(tokenId, false);
  await expectRightBooks(world, tokenId);
});

test('F3 the counts are read again when only the assignments moved, as where the version of the assets does not tell', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await minutes(11);
  unbend.push(bendAnswers(world, 'readAssets', async (page) => ({ ...page, versionId: 'same for ever' })));
  await tenant.sync(tokenId);
  await minutes(11);
  expect(await asked(() => tenant.sync(tokenId, false))).toEqual(unchanged);
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  world.simulator.admin.unassign({ uId, ...gone! });
  await tenant.sync(tokenId, false);
  await expectRightBooks(world, tokenId);
});

test('F3 the whole library is read when asked for, when the last time is a day ago, and when Apple lost the version', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  expect(await tenant.sync(tokenId, true)).toMatchObject({ syncMode: 'FULL' });
  expect(await tenant.sync(tokenId, false)).toMatchObject({ syncMode: 'CHANGES' });
  world.simulator.admin.faults.add({
    match: { operation: 'getAssignments', times: 1 },
    fault: { kind: 'error', errorNumber: 9721 },
  });
  expect(await tenant.sync(tokenId, false)).toMatchObject({ state: 'SUCCEEDED', syncMode: 'FULL' });
  await minutes(24 * 60);
  expect(await tenant.sync(tokenId, false)).toMatchObject({ syncMode: 'FULL' });
  expect((await readToken(world, tokenId)).sync).toMatchObject({ fullSyncedAt: world.clock.now() });
});

test('F3 who wants all read while changes are being read gets another run that does', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  await world.clock.advance(1_000);
  let joined = false;
  unbend.push(
    bendAnswers(world, 'readAssets', async (page) => {
      if (!joined) await syncLicenses(tenant.context, { tokenIds: [tokenId], full: true });
      joined = true;
      return page;
    }),
  );
  await tenant.finish(await tenant.start(tokenId, false));
  await world.work();
  const tasks = await world.database.prisma.task.findMany({
    where: { organizationId: tenant.organizationId, kind: 'SYNC' },
    orderBy: { id: 'asc' },
  });
  expect(tasks.map((task) => [task.state, task.syncMode])).toEqual([
    ['SUCCEEDED', 'FULL'],
    ['SUCCEEDED', 'CHANGES'],
    ['SUCCEEDED', 'FULL'],
  ]);
});

test('F3 a library is read whole once a night, as one task of the system, and a token that can not be read waits', async () => {
  const tenant = await newTenant(world);
  world.services.settings.reconcileHour = 1;
  const tokenId = await tenant.library();
  const due = (await readToken(world, tokenId)).sync!.fullDueAt!;
  expect(due.getTime()).toBeGreaterThan(world.clock.now().getTime());
  await world.clock.advance(due.getTime() - world.clock.now().getTime() - 1_000);
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  world.simulator.admin.unassign({ uId, ...gone! });
  await world.work();
  await world.clock.advance(1_000);
  await world.work();
  const tasks = await world.database.prisma.task.findMany({
    where: { organizationId: tenant.organizationId },
    orderBy: { id: 'desc' },
  });
  expect(tasks).toHaveLength(2);
  expect(tasks[0]).toMatchObject({ kind: 'SYNC', state: 'SUCCEEDED', syncMode: 'FULL', actor: 'system:nightly' });
  await expectRightBooks(world, tokenId);
  expect(await poolOf(tokenId, school.usedUp)).toMatchObject({ corrected: 1n, lastDrift: 1n });
  await world.database.prisma.token.updateMany({ where: { id: tokenId }, data: { condition: 'REVOKED' } });
  await minutes(24 * 60);
  await world.work();
  expect(await world.database.prisma.task.count({ where: { organizationId: tenant.organizationId } })).toBe(2);
  const next = (await readToken(world, tokenId)).sync!.fullDueAt!;
  expect(next.getTime()).toBeGreaterThan(world.clock.now().getTime());
});

test('S22 S23 who is met with a license between two readings of people stands where Apple says with it', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const clientUserId = 'met-with-a-license';
  world.simulator.admin.setUser({ uId, clientUserId, status: 'Associated', idHash: 'AAECAwQFBgcICQoLDA0ODxAREhM=' });
  world.simulator.admin.assign({ uId, adamId: school.twentyFive, clientUserId });
  await world.database.pool.query(
    'UPDATE license_pool SET apple_assigned = apple_assigned + 1, drift_due_at = $1 WHERE token_id = $2 AND adam_id = $3',
    [world.clock.now(), String(tokenId), school.twentyFive],
  );
  for (const wait of [0, 2]) {
    await minutes(wait);
    await world.work();
  }
  const { status, idHash } = await world.database.prisma.vppUser.findFirstOrThrow({ where: { tokenId, clientUserId } });
  const credential = world.simulator.admin.tokenFile('own');
  const { rows } = await world.services.apple.readUsers(credential, { clientUserId });
  expect(rows).toMatchObject([{ status: 'ASSOCIATED', idHash: expect.any(String) }]);
  expect({ status, idHash }).toEqual({ status: 'ASSOCIATED', idHash: rows[0]!.idHash });
  await tenant.sync(tokenId, false);
  const known = await world.database.prisma.vppUser.findFirstOrThrow({ where: { tokenId, clientUserId } });
  expect(known).toMatchObject({ status: 'ASSOCIATED', idHash });
  world.simulator.admin.unassign({ uId, adamId: school.twentyFive, clientUserId });
});

test('F3 a difference that stays is looked into with growing waits: the count first, then the licenses, then the night', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const [gone] = world.simulator.admin.truth({ uId }).assignments.filter((row) => row.adamId === school.usedUp);
  await world.clock.advance(1_000);
  world.simulator.admin.unassign({ uId, ...gone! });
  await world.database.pool.query(
    `UPDATE license_pool SET apple_assigned = 29, drift_due_at = $1 WHERE token_id = $2 AND adam_id = $3`,
    [world.clock.now(), String(tokenId), school.usedUp],
  );
  expect(await asked(() => world.work())).toEqual(['getAssets adamId']);
  await minutes(2);
  expect(await asked(() => world.work())).toEqual([
    'getAssets adamId',
    'getAssignments adamId includeUserState pageIndex',
  ]);
  await expectRightBooks(world, tokenId);
  expect(await poolOf(tokenId, school.usedUp)).toMatchObject({ driftDueAt: null, corrected: 1n });
  const [line] = await world.database.prisma.ledger.findMany({
    where: { organizationId: tenant.organizationId },
    orderBy: { id: 'desc' },
    take: 1,
  });
  expect(line).toMatchObject({ kind: 'GONE', actor: 'system:reconcile', taskId: null });
});

test('F3 counts that lag for an hour cost six questions, never a loop, and change nothing', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  world.simulator.admin.setOptions({ countLagSeconds: 100_000 });
  world.simulator.admin.assign({ uId, adamId: school.twentyFive, serialNumber: 'SIMLAG000009' });
  await tenant.sync(tokenId, false);
  expect(await liveHere(world, tokenId)).toEqual(liveAtApple(world, uId));
  const questions = await asked(async () => {
    for (let quarter = 0; quarter < 12; quarter++) {
      await world.work();
      await minutes(15);
    }
  });
  expect(questions.filter((one) => one.startsWith('getAssets'))).toHaveLength(4);
  expect(questions.filter((one) => one.startsWith('getAssignments'))).toHaveLength(2);
  expect(await poolOf(tokenId, school.twentyFive)).toMatchObject({ held: 1n, appleAssigned: 0n, driftDueAt: null });
  await expectBalance(world, tokenId);
});

test('F3 the night begins at its hour in the time zone, also when the clocks change, and each library has its place in it', () => {
  const at = (zone: string, share: number, now: string) => nextNight(zone, 1, share, new Date(now)).toISOString();
  expect(at('UTC', 0, '2026-11-24T08:00:00Z')).toBe('2026-11-25T01:00:00.000Z');
  expect(at('UTC', 0.5, '2026-11-24T00:30:00Z')).toBe('2026-11-24T03:00:00.000Z');
  expect(at('Europe/Berlin', 0, '2026-07-01T12:00:00Z')).toBe('2026-07-01T23:00:00.000Z');
  expect(at('America/New_York', 0, '2026-11-24T08:00:00Z')).toBe('2026-11-25T06:00:00.000Z');
  expect(at('Europe/Berlin', 0.9, '2026-10-24T12:00:00Z')).toBe('2026-10-25T03:36:00.000Z');
  expect(at('Europe/Berlin', 0.9, '2026-10-24T23:30:00Z')).toBe('2026-10-25T03:36:00.000Z');
});
