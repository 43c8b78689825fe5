import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { reserveBlocks } from '../../../src/domain/license/reserve-blocks.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { dueWork } from '../../../src/domain/work/due.ts';
import { prune } from '../../../src/domain/work/prune.ts';
import { sweep } from '../../../src/jobs/sweep.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, Crash, crashAt, faultOnce, giveApp, makeDevices, revoke, taskOf } from '../license/support.ts';

const day = 86_400_000;
let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterAll(() => world.close());

const keys = async () => (await dueWork(world.services)).map((work) => work.key);
const writer = () => `write:${world.organizationId}:${token}`;

test('what waits to be sent and what waits to be asked about is due, and nothing else', async () => {
  expect(await keys()).toEqual([]);
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 1);
  await associate(world, app, devices);
  expect(await keys()).toEqual([writer()]);
  await world.work();
  expect(await keys()).toEqual([]);
  await world.clock.advance(499);
  expect(await keys()).toEqual([]);
  await world.clock.advance(1);
  expect(await keys()).toEqual([writer()]);
  await world.work();
  await revoke(world, app, devices);
  expect(await keys()).toEqual([writer()]);
  await world.settle();
  expect(await keys()).toEqual([]);
});

test('looking for work is one question, however many kinds of it there are', async () => {
  const asked = vi.spyOn(world.services.pool, 'query');
  await dueWork(world.services);
  expect(asked).toHaveBeenCalledTimes(1);
  asked.mockRestore();
});

test('a writer that waits for Apple is due when the wait is over, not before', async () => {
  faultOnce(world, { kind: 'error', errorNumber: 9646, retryAfter: 20 });
  await associate(world, await giveApp(world, token), await makeDevices(world, 1));
  await world.work();
  expect(await keys()).toEqual([]);
  await world.clock.advance(20_000);
  expect(await keys()).toEqual([writer()]);
  await world.settle();
});

test('a large ATOMIC request makes no writer due before it is reserved as a whole', async () => {
  const apps = [await giveApp(world, token, { total: 6_000 }), await giveApp(world, token, { total: 6_000 })];
  const taskId = await associate(world, apps, await makeDevices(world, 5_001));
  const reservation = `task:${world.organizationId}:${taskId}`;
  expect(await keys()).toEqual([reservation]);
  crashAt(world, 'reserved', 2);
  await expect(reserveBlocks(world.services, { organizationId: world.organizationId, taskId }, 'test')).rejects.toThrow(
    Crash,
  );
  expect(await taskOf(world, taskId)).toMatchObject({ position: 5_000, reservedAll: false });
  expect(await keys()).toEqual([reservation]);
  await cancelTask(world.admin, { taskId });
  expect(await keys()).toEqual([]);
});

test('the sweep adds a job for due work that has none, or whose job used up its attempts', async () => {
  await associate(world, await giveApp(world, token), await makeDevices(world, 1));
  const { pool } = world.database;
  expect(await sweep(world.services)).toBe(0);
  await pool.query('UPDATE graphile_worker._private_jobs SET attempts = max_attempts WHERE key = $1', [writer()]);
  expect(await sweep(world.services)).toBe(1);
  const { rows } = await pool.query('SELECT attempts FROM graphile_worker.jobs WHERE key = $1', [writer()]);
  expect(rows).toEqual([{ attempts: 0 }]);
  await pool.query('DELETE FROM graphile_worker._private_jobs WHERE key = $1', [writer()]);
  expect(await sweep(world.services)).toBe(1);
  await world.settle();
});

test('task events are deleted after thirty days; audit entries and the ledger stay', async () => {
  const count = async () => ({
    events: await world.database.prisma.taskEvent.count(),
    ledger: await world.database.prisma.ledger.count(),
    audit: await world.database.prisma.auditEntry.count(),
  });
  const before = await count();
  await world.clock.advance(29 * day);
  await prune(world.services);
  expect(await count()).toEqual(before);
  await world.clock.advance(2 * day);
  expect(await prune(world.services)).toMatchObject({ taskEvents: before.events });
  expect(await count()).toEqual({ ...before, events: 0 });
});

test('§4.6 a finished task is deleted after thirteen months with all that is its own; the ledger and licenses stay', async () => {
  const { prisma } = world.database;
  const open = await associate(world, await giveApp(world, token), await makeDevices(world, 1));
  const count = async () => ({
    tasks: await prisma.task.count({ where: { finishedAt: { not: null } } }),
    calls: await prisma.appleCall.count(),
    ledger: await prisma.ledger.count(),
    licenses: await prisma.license.count(),
  });
  const before = await count();
  expect(before.tasks).toBeGreaterThan(0);
  expect(before.calls).toBeGreaterThan(0);
  await world.clock.advance(396 * day);
  expect(await prune(world.services)).toMatchObject({ tasks: before.tasks });
  expect(await count()).toEqual({ ...before, tasks: 0, calls: 0 });
  expect((await taskOf(world, open)).finishedAt).toBeNull();
});
