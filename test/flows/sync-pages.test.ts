import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runSync } from '../../src/domain/sync/run.ts';
import { cancelTask } from '../../src/domain/task/cancel.ts';
import { plainApps, school } from '../../src/simulator/index.ts';
import {
  bendAnswers,
  expectBalance,
  expectRightBooks,
  liveHere,
  newTenant,
  pagesAsked,
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
  for (const undo of unbend.splice(0).reverse()) undo();
});
afterAll(() => world.close());

/** Ends the worker, as a kill would, behind merged page number `page`, counted from 1. */
function killBehind(page: number): void {
  let merged = 0;
  world.services.failpoint = (point) => {
    if (point === 'sync-block' && ++merged === page) throw new Error('killed');
  };
}

const versionsOf = async (tokenId: bigint) =>
  (
    await world.database.pool.query('SELECT id, ctid::text, xmin::text FROM license WHERE token_id = $1 ORDER BY id', [
      String(tokenId),
    ])
  ).rows;

test('S66 in the middle of a sync apps, totals and the pages so far are there, and the library is marked PARTIAL', async () => {
  const { upload, start, finish, organizationId } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 10 });
  const tokenId = await upload();
  const taskId = await start(tokenId);
  killBehind(2);
  await expect(world.work()).rejects.toThrow('killed');
  const { assets } = world.simulator.admin.truth({ uId: schoolUnits.own });
  expect(await world.database.prisma.app.count({ where: { organizationId } })).toBe(assets.length);
  expect(
    await world.database.prisma.licensePool.findFirst({ where: { tokenId, adamId: school.exactly300 } }),
  ).toMatchObject({ total: 300n });
  expect(await liveHere(world, tokenId)).toHaveLength(20);
  expect((await readToken(world, tokenId)).sync).toMatchObject({ completeness: 'PARTIAL' });
  expect(await readTask(world, taskId)).toMatchObject({ state: 'RUNNING', phase: 'ASSIGNMENTS' });
  world.services.failpoint = () => {};
  await finish(taskId);
  expect((await readToken(world, tokenId)).sync).toMatchObject({ completeness: 'COMPLETE' });
  await expectRightBooks(world, tokenId);
});

test('S66 a worker killed behind any page, the last one too, is followed by one that goes on there', async () => {
  const { upload, start, finish } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 10 });
  const pages = Math.ceil(world.simulator.admin.truth({ uId: schoolUnits.own }).assignments.length / 10);
  const tokenId = await upload();
  for (let page = 1; page <= pages; page++) {
    const taskId = await start(tokenId);
    killBehind(page);
    await expect(world.work()).rejects.toThrow('killed');
    world.services.failpoint = () => {};
    world.simulator.admin.clearJournal();
    expect(await finish(taskId)).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
    expect(pagesAsked(world, 'getAssets')).toEqual([]);
    expect(pagesAsked(world, 'getAssignments').sort()).toEqual(
      Array.from({ length: pages - page }, (_, index) => page + index),
    );
    await expectRightBooks(world, tokenId);
    await world.clock.advance(1_000);
  }
});

test('S68 progress counts pages, never goes back when a sweep begins anew, and ends at its total', async () => {
  const { upload, sync } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 5 });
  const tokenId = await upload();
  const pace = async <Page>(page: Page): Promise<Page> => {
    await world.clock.advance(150);
    return page;
  };
  unbend.push(bendAnswers(world, 'readAssignments', pace));
  unbend.push(bendAnswers(world, 'readAssets', pace));
  world.simulator.admin.faults.add({
    match: { operation: 'getAssignments', pageIndex: 6, times: 1 },
    fault: { kind: 'error', errorNumber: 9650 },
  });
  const task = await sync(tokenId);
  const events = await world.database.prisma.taskEvent.findMany({
    where: { taskId: task.id },
    orderBy: { seq: 'asc' },
  });
  const shown = events.map((event) => event.payload as { completed: string; requested: string; state: string });
  const done = shown.map((event) => Number(event.completed));
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(new Set(done).size).toBeGreaterThan(5);
  expect(shown.at(-1)).toMatchObject({ state: 'SUCCEEDED', completed: String(task.requested) });
  expect(task.finishedAt!.getTime()).toBeGreaterThan(task.startedAt!.getTime());
});

test('F3 license rows that did not change are not written', async () => {
  const { library, sync } = await newTenant(world);
  const tokenId = await library();
  const before = await versionsOf(tokenId);
  world.simulator.admin.assign({ uId: schoolUnits.own, adamId: plainApps[5]!, serialNumber: 'SIMNEWROW001' });
  await sync(tokenId);
  expect((await versionsOf(tokenId)).slice(0, before.length)).toEqual(before);
});

test('F8 a version that changes in the middle never restarts the sweep', async () => {
  const { upload, sync } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 10 });
  const tokenId = await upload();
  world.simulator.admin.faults.add({ match: { operation: 'getAssignments' }, fault: { kind: 'versionChanges' } });
  world.simulator.admin.clearJournal();
  expect(await sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  const asked = pagesAsked(world, 'getAssignments');
  expect(new Set(asked).size).toBe(asked.length);
  await expectRightBooks(world, tokenId);
});

test('F8 totalPages is an estimate: too large, too small and changing ones end at the same place', async () => {
  for (const by of [-3, -1, 1, 7]) {
    const { upload, sync } = await newTenant(world);
    world.simulator.admin.setOptions({ pageSize: 10 });
    const tokenId = await upload();
    world.simulator.admin.faults.add({ match: { nth: 2, times: 3 }, fault: { kind: 'totalPagesChanges', by } });
    world.simulator.admin.faults.add({ match: {}, fault: { kind: 'nextPageIndexAsString' } });
    const task = await sync(tokenId);
    expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL' });
    await expectRightBooks(world, tokenId);
  }
});

test('F8 rows that come while the sweep runs are taken along, and rows that go make no other row end', async () => {
  const { library, sync } = await newTenant(world);
  const tokenId = await library();
  world.simulator.admin.setOptions({ pageSize: 7 });
  const { assignments } = world.simulator.admin.truth({ uId: schoolUnits.own });
  let page = 0;
  unbend.push(
    bendAnswers(world, 'readAssignments', async (answer, query) => {
      if (query.pageIndex === undefined) return answer;
      const gone = assignments[page++ * 3]!;
      if (page < 6) world.simulator.admin.unassign({ uId: schoolUnits.own, ...gone });
      return answer;
    }),
  );
  await sync(tokenId);
  for (const undo of unbend.splice(0).reverse()) undo();
  const here = new Set(await liveHere(world, tokenId));
  const { assignments: left } = world.simulator.admin.truth({ uId: schoolUnits.own });
  for (const row of left)
    expect(here).toContain(`${row.adamId}/${row.pricingParam}/${row.serialNumber ?? row.clientUserId}`);
  await expectBalance(world, tokenId);
  await sync(tokenId);
  await expectRightBooks(world, tokenId);
});

test('F8 an assignment whose asset was bought between the two lists: the asset is read and the page merged', async () => {
  const { upload, sync } = await newTenant(world);
  const tokenId = await upload();
  unbend.push(
    bendAnswers(world, 'readAssets', async (page, query) => {
      if (query.adamId !== undefined) return page;
      world.simulator.admin.addAsset({ uId: schoolUnits.own, adamId: '9000000777', total: 3 });
      world.simulator.admin.assign({ uId: schoolUnits.own, adamId: '9000000777', serialNumber: 'SIMJUSTNOW01' });
      return page;
    }),
  );
  expect(await sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await liveHere(world, tokenId)).toContain('9000000777/STDQ/SIMJUSTNOW01');
  await expectRightBooks(world, tokenId);
});

test('F8 an assignment of an asset that Apple never lists is passed over, and the rest of its page is not', async () => {
  const { upload, sync } = await newTenant(world);
  const tokenId = await upload();
  const stray = { adamId: '1', pricingParam: 'STDQ', serialNumber: 'SIMSTRAY0001', clientUserId: null };
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page) => ({ ...page, rows: [stray, ...page.rows, page.rows[0]!] })),
  );
  expect(await sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  await expectRightBooks(world, tokenId);
});

test('S71 a worker that was frozen and wakes behind its successor writes nothing', async () => {
  const { upload, start } = await newTenant(world);
  const tokenId = await upload();
  const taskId = await start(tokenId);
  const { apple } = world.services;
  let wake = () => {};
  const frozen = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let reached = () => {};
  const atPage = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const late = runSync(
    {
      ...world.services,
      apple: {
        ...apple,
        readAssignments: async (credential, query) => {
          const page = await apple.readAssignments(credential, query);
          reached();
          await frozen;
          const stray = { ...page.rows[0]!, serialNumber: 'SIMFROZEN001', clientUserId: null };
          return { ...page, rows: [...page.rows, stray] };
        },
      },
    },
    { organizationId: (await readTask(world, taskId)).organizationId, taskId },
    'late',
  );
  await atPage;
  await world.work();
  const after = await readTask(world, taskId);
  expect(after.state).toBe('SUCCEEDED');
  wake();
  await late;
  expect(await readTask(world, taskId)).toEqual(after);
  await expectRightBooks(world, tokenId);
});

test('S67 a sync that is cancelled while it runs stops, keeps what it read, and the next one completes it', async () => {
  const { upload, start, sync, context } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 10 });
  const tokenId = await upload();
  const taskId = await start(tokenId);
  unbend.push(
    bendAnswers(world, 'readAssignments', async (page, query) => {
      if (query.pageIndex === 5) await cancelTask(context, { taskId });
      return page;
    }),
  );
  await world.work();
  for (const undo of unbend.splice(0).reverse()) undo();
  expect(await readTask(world, taskId)).toMatchObject({ state: 'CANCELLED', outcome: 'SOME', cause: null });
  expect((await readToken(world, tokenId)).sync).toMatchObject({ completeness: 'PARTIAL' });
  await expectBalance(world, tokenId);
  expect(await sync(tokenId)).toMatchObject({ state: 'SUCCEEDED' });
  await expectRightBooks(world, tokenId);
});

test('S71 a wish to run once more ends with the sync that was cancelled', async () => {
  const { upload, start, finish, context, organizationId } = await newTenant(world);
  const tokenId = await upload();
  const taskId = await start(tokenId);
  killBehind(1);
  await expect(world.work()).rejects.toThrow('killed');
  world.services.failpoint = () => {};
  await start(tokenId);
  await cancelTask(context, { taskId });
  await finish(await start(tokenId));
  await world.work();
  expect(await world.database.prisma.task.count({ where: { organizationId, kind: 'SYNC' } })).toBe(2);
});

test('F8 when PostgreSQL lost what was seen, nothing is judged as missing and the sync runs again by itself', async () => {
  const { library, start, finish, organizationId } = await newTenant(world);
  world.simulator.admin.setOptions({ pageSize: 10 });
  const tokenId = await library();
  const before = await liveHere(world, tokenId);
  const gone = world.simulator.admin.truth({ uId: schoolUnits.own }).assignments[3]!;
  world.simulator.admin.unassign({ uId: schoolUnits.own, ...gone });
  await world.clock.advance(1_000);
  const taskId = await start(tokenId);
  killBehind(2);
  await expect(world.work()).rejects.toThrow('killed');
  await world.database.pool.query('TRUNCATE sync_seen');
  let states: string[] = [];
  let completeness = '';
  world.services.failpoint = (point) => {
    if (point === 'done') throw new Error('look');
  };
  await expect(world.work()).rejects.toThrow('look');
  states = (await world.database.prisma.task.findMany({ where: { organizationId }, orderBy: { id: 'asc' } })).map(
    (task) => task.state,
  );
  completeness = (await readToken(world, tokenId)).sync!.completeness;
  expect(states).toEqual(['SUCCEEDED', 'SUCCEEDED', 'QUEUED']);
  expect(completeness).toBe('PARTIAL');
  expect(await liveHere(world, tokenId)).toEqual(before);
  world.services.failpoint = () => {};
  await finish(taskId);
  await world.work();
  expect((await readToken(world, tokenId)).sync).toMatchObject({ completeness: 'COMPLETE' });
  await expectRightBooks(world, tokenId);
  expect(
    (await world.database.pool.query('SELECT 1 FROM sync_seen WHERE token_id = $1', [String(tokenId)])).rows,
  ).toEqual([]);
});
