import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { removeDevices } from '../../../src/domain/device/remove.ts';
import { InvalidInputError, PlanStaleError } from '../../../src/domain/errors.ts';
import { assignBooks } from '../../../src/domain/license/assign-books.ts';
import type { AssociateInput } from '../../../src/domain/license/associate.ts';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan, planLife } from '../../../src/domain/plan/make.ts';
import { reorderTokens } from '../../../src/domain/token/reorder.ts';
import { prune } from '../../../src/domain/work/prune.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  callsOf,
  expectSound,
  failuresOf,
  giveApp,
  liveOf,
  makeDevices,
  readAsset,
  type TestApp,
  taskOf,
  uIdOf,
} from '../license/support.ts';
import { associateUsers, registered } from '../vpp-user/support.ts';

let world: World;
let own: bigint;
let district: bigint;
let business: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
  district = await world.library('district');
  business = await world.library('business');
});
afterEach(async () => {
  await reorderTokens(world.admin, { tokenIds: [own, district, business] });
  await world.settle();
  await expectSound(world);
});
afterAll(() => world.close());

async function inAll(...totals: [number, number, number]): Promise<TestApp> {
  const app = await giveApp(world, own, { total: totals[0] });
  await giveApp(world, district, { adamId: app.adamId, total: totals[1] });
  return giveApp(world, business, { adamId: app.adamId, total: totals[2] });
}

const planFor = (app: TestApp, deviceIds: bigint[], more: Partial<AssociateInput> = {}) =>
  makePlan(world.admin, 'ASSOCIATION', { appIds: [app.id], target: { deviceIds }, ...more });

const itemsOf = (planId: bigint) =>
  world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } });

/** Rows that only a write leaves. */
async function traces() {
  const { prisma } = world.database;
  const [tasks, licenses, lines, failures] = [prisma.task, prisma.license, prisma.ledger, prisma.taskFailure];
  const pools = await prisma.licensePool.findMany({ orderBy: { id: 'asc' } });
  return [await tasks.count(), await licenses.count(), await lines.count(), await failures.count(), pools];
}

test('F5 1,000 devices over three tokens: the plan leaves no trace, and applied it is what it said item by item', async () => {
  const app = await inAll(300, 500, 150);
  const deviceIds = await makeDevices(world, 1_000);
  const before = await traces();
  world.simulator.admin.clearJournal();
  const { planId } = await planFor(app, deviceIds, { onError: 'SKIP_FAILED' });
  expect(await traces()).toEqual(before);
  await world.work();
  expect(callsOf(world, 'associateAssets')).toEqual([]);

  const items = await itemsOf(planId);
  const given = items.filter((item) => item.outcome === 'GIVE');
  const refused = items.filter((item) => item.outcome === 'REFUSED');
  expect([own, district, business].map((id) => given.filter((item) => item.tokenId === id).length)).toEqual([
    300, 500, 150,
  ]);
  expect(new Set(refused.map((item) => item.code))).toEqual(new Set(['NO_LICENSES_AVAILABLE']));
  expect(items).toHaveLength(1_000);

  const { taskId } = await applyPlan(world.admin, { planId });
  await world.settle();
  const pairs = (rows: readonly { deviceId: bigint | null; tokenId: bigint | null }[]) =>
    rows.map(({ deviceId, tokenId }) => `${deviceId}:${tokenId}`).sort();
  expect(pairs(await liveOf(world, app))).toEqual(pairs(given));
  expect((await failuresOf(world, taskId!)).map(({ deviceId, code }) => [deviceId, code])).toEqual(
    refused.map(({ deviceId, code }) => [deviceId, code]),
  );
  expect(await taskOf(world, taskId!)).toMatchObject({
    state: 'SUCCEEDED',
    requested: 1_000n,
    completed: 950n,
    failed: 50n,
  });
});

test('F5 a count that changes in between makes the plan stale, and nothing is done', async () => {
  const app = await inAll(5, 5, 5);
  const deviceIds = await makeDevices(world, 3);
  const { planId } = await planFor(app, deviceIds);
  world.simulator.admin.purchase({ uId: await uIdOf(world, district), adamId: app.adamId, count: 2 });
  await readAsset(world, district, app.adamId);
  const before = await traces();
  await expect(applyPlan(world.admin, { planId })).rejects.toMatchObject({ code: 'PLAN_STALE', changed: ['LICENSES'] });
  expect(await traces()).toEqual(before);
});

test('F5 somebody else’s seat, another order of the tokens and a device that went away make it stale too', async () => {
  const app = await inAll(5, 5, 5);
  const deviceIds = await makeDevices(world, 4);
  const stale = async (planId: bigint) => {
    const error: unknown = await applyPlan(world.admin, { planId }).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(PlanStaleError);
    return (error as PlanStaleError).changed;
  };
  const first = await planFor(app, deviceIds.slice(0, 2));
  await associate(world, app, [deviceIds[3]!]);
  expect(await stale(first.planId)).toEqual(['LICENSES']);

  const second = await planFor(app, deviceIds.slice(0, 2), { tokenId: own });
  await reorderTokens(world.admin, { tokenIds: [district, own, business] });
  expect(await stale(second.planId)).toEqual(['TOKENS']);

  const third = await planFor(app, deviceIds.slice(0, 3), { onError: 'SKIP_FAILED' });
  await removeDevices(world.admin, { target: { deviceIds: [deviceIds[0]!] } });
  expect(await stale(third.planId)).toEqual(['LICENSES', 'ITEMS']);

  const fourth = await planFor(app, deviceIds.slice(1, 3));
  await removeDevices(world.admin, { target: { deviceIds: [deviceIds[1]!] } });
  expect(await stale(fourth.planId)).toEqual(['ITEMS']);
});

test('F5 a plan lives for an hour', async () => {
  const app = await inAll(5, 0, 0);
  const devices = await makeDevices(world, 2);
  const [kept, late] = [await planFor(app, [devices[0]!]), await planFor(app, [devices[1]!])];
  await world.clock.advance(planLife - 1);
  expect(await applyPlan(world.admin, kept)).toMatchObject({ replayed: false });
  await world.clock.advance(1);
  await expect(applyPlan(world.admin, late)).rejects.toMatchObject({ code: 'PLAN_STALE', changed: ['EXPIRED'] });
  // What was applied stays an answer.
  expect(await applyPlan(world.admin, kept)).toMatchObject({ replayed: true });
});

test('F5 F12 applied five times at once, it is done once', async () => {
  const app = await inAll(5, 0, 0);
  const { planId } = await planFor(app, await makeDevices(world, 2));
  const results = await Promise.all(Array.from({ length: 5 }, () => applyPlan(world.admin, { planId })));
  expect(new Set(results.map(({ taskId }) => taskId)).size).toBe(1);
  expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(await liveOf(world, app)).toHaveLength(2);
});

test('F5 an ATOMIC request that would be refused shows all of it, and is refused when it is applied', async () => {
  const app = await inAll(1, 1, 0);
  const deviceIds = await makeDevices(world, 3);
  const { planId } = await planFor(app, deviceIds);
  const plan = await world.database.prisma.plan.findFirstOrThrow({ where: { id: planId } });
  expect(plan.refusal).toMatchObject({ code: 'NO_LICENSES_AVAILABLE' });
  expect((await itemsOf(planId)).map(({ outcome, tokenId }) => [outcome, tokenId])).toEqual([
    ['GIVE', own],
    ['GIVE', district],
    ['REFUSED', null],
  ]);
  await expect(applyPlan(world.admin, { planId })).rejects.toMatchObject({ code: 'NO_LICENSES_AVAILABLE' });
  expect(await liveOf(world, app)).toEqual([]);
});

test('F5 a revocation is planned license by license', async () => {
  const app = await inAll(5, 0, 0);
  const deviceIds = await makeDevices(world, 3);
  await associate(world, app, deviceIds.slice(0, 2));
  await world.settle();
  const live = (await liveOf(world, app)).sort((a, b) => Number(a.deviceId! - b.deviceId!));
  const target = { deviceIds };
  const input = { appIds: [app.id], target, onError: 'SKIP_FAILED' as const };
  const [plan, stale] = [
    await makePlan(world.admin, 'REVOCATION', input),
    await makePlan(world.admin, 'REVOCATION', input),
  ];
  expect((await itemsOf(plan.planId)).map(({ outcome, licenseId, code }) => [outcome, licenseId, code])).toEqual([
    ['TAKE_BACK', live[0]!.id, null],
    ['TAKE_BACK', live[1]!.id, null],
    ['REFUSED', null, 'NOT_LICENSED'],
  ]);
  const { taskId } = await applyPlan(world.admin, plan);
  await expect(applyPlan(world.admin, stale)).rejects.toMatchObject({ code: 'PLAN_STALE', changed: ['ITEMS'] });
  await world.settle();
  expect(await taskOf(world, taskId!)).toMatchObject({ kind: 'REVOKE', completed: 2n, failed: 1n });
  expect(await liveOf(world, app)).toEqual([]);
});

test('F5 what is wrong with the request itself is told at once, and no plan is made', async () => {
  const app = await inAll(5, 0, 0);
  const plans = () => world.database.prisma.plan.count();
  const before = await plans();
  await expect(planFor({ ...app, id: 999_999n }, await makeDevices(world, 1))).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  const many = await Promise.all([inAll(5, 0, 0), inAll(5, 0, 0)]);
  const deviceIds = await makeDevices(world, 5_001);
  const appIds = many.map(({ id }) => id);
  await expect(makePlan(world.admin, 'ASSOCIATION', { appIds, target: { deviceIds } })).rejects.toBeInstanceOf(
    InvalidInputError,
  );
  await expect(makePlan(world.as('EMPLOYEE'), 'ASSOCIATION', { appIds, target: { deviceIds } })).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  expect(await plans()).toBe(before);
});

test('F5 another organization finds no such plan, and old ones are deleted', async () => {
  const app = await inAll(5, 0, 0);
  const { planId } = await planFor(app, await makeDevices(world, 1));
  const stranger = world.as('ADMINISTRATOR', { organizationId: 4_711n });
  await expect(applyPlan(stranger, { planId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await world.clock.advance(31 * 86_400_000);
  expect((await prune(world.services)).plans).toBeGreaterThan(0);
  expect(await world.database.prisma.plan.count()).toBe(0);
  expect(await world.database.prisma.planItem.count()).toBe(0);
});

test('F5 F14 what would have to wait for a seat is planned as waiting, and waits when the plan is applied', async () => {
  const app = await inAll(1, 0, 0);
  const { planId } = await planFor(app, await makeDevices(world, 3), { onShortage: 'WAIT' });
  expect((await itemsOf(planId)).map((item) => item.outcome).sort()).toEqual(['GIVE', 'WAIT', 'WAIT']);
  const { taskId } = await applyPlan(world.admin, { planId });
  expect(await world.database.prisma.licenseWait.count({ where: { taskId: taskId! } })).toBe(2);
  world.simulator.admin.purchase({ uId: await uIdOf(world, own), adamId: app.adamId, count: 2 });
  await readAsset(world, own, app.adamId);
  await world.settle();
  expect(await liveOf(world, app)).toHaveLength(3);
});

test('F5 S48 a retirement is planned: what is taken back, what stays spent, and who leaves', async () => {
  const app = await inAll(5, 0, 0);
  const book = await giveApp(world, own, { total: 5, productType: 'Book', deviceAssignable: false, revocable: false });
  const vppUserIds = await registered(world, own, 2);
  await associateUsers(world, app, vppUserIds);
  await assignBooks(world.admin, { appIds: [book.id], vppUserIds: vppUserIds.slice(0, 1), confirmIrrevocable: true });
  await world.settle();
  const { planId } = await makePlan(world.admin, 'USER_RETIREMENT', { vppUserIds });
  const said = (await itemsOf(planId)).map(({ outcome, appId, vppUserId }) => [outcome, appId, vppUserId]);
  const [first, second] = vppUserIds;
  expect(new Set(said.map((item) => item.map(String).join()))).toEqual(
    new Set(
      [
        ['TAKE_BACK', app.id, first],
        ['TAKE_BACK', app.id, second],
        ['LEAVE', book.id, first],
        ['RETIRE', null, first],
        ['RETIRE', null, second],
      ].map((item) => item.map(String).join()),
    ),
  );
  expect(await world.database.prisma.vppUser.count({ where: { id: { in: vppUserIds }, retiring: true } })).toBe(0);
  const { taskId } = await applyPlan(world.admin, { planId });
  await world.settle();
  expect(await taskOf(world, taskId!)).toMatchObject({ kind: 'RETIRE_USERS', state: 'SUCCEEDED' });
  expect(await liveOf(world, app)).toEqual([]);
});
