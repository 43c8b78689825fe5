import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyPlan } from '../../../src/domain/plan/apply.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, giveApp, holdersAtApple, liveOf, makeDevices, taskOf } from '../license/support.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const itemsOf = (planId: bigint) =>
  world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } });

const tokenOf = (tokenId: bigint) => world.database.prisma.token.findFirstOrThrow({ where: { id: tokenId } });

test('F5 the removal of a token is planned app by app: what is given back and what stays', async () => {
  const tokenId = await world.library('business');
  const app = await giveApp(world, tokenId, { total: 10 });
  const kept = await giveApp(world, tokenId, { total: 5, revocable: false });
  const devices = await makeDevices(world, 3);
  await associate(world, app, devices);
  await associate(world, kept, devices.slice(0, 2));
  await world.settle();

  const release = await makePlan(world.admin, 'TOKEN_REMOVAL', { tokenId, releaseLicenses: true });
  const about = (items: Awaited<ReturnType<typeof itemsOf>>) =>
    items
      .filter((item) => [app.id, kept.id].includes(item.appId!))
      .map(({ appId, outcome, licenses }) => [appId, outcome, licenses]);
  expect(about(await itemsOf(release.planId))).toEqual([
    [app.id, 'TAKE_BACK', 3n],
    [kept.id, 'LEAVE', 2n],
  ]);
  const leave = await makePlan(world.admin, 'TOKEN_REMOVAL', { tokenId, releaseLicenses: false });
  expect(about(await itemsOf(leave.planId))).toEqual([
    [app.id, 'LEAVE', 3n],
    [kept.id, 'LEAVE', 2n],
  ]);
  expect(await tokenOf(tokenId)).toMatchObject({ removedAt: null, removalTaskId: null });

  const { taskId } = await applyPlan(world.admin, release);
  await expect(applyPlan(world.admin, leave)).rejects.toMatchObject({ code: 'PLAN_STALE', changed: ['TOKENS'] });
  await world.settle();
  expect(await taskOf(world, taskId!)).toMatchObject({ kind: 'REMOVE_TOKEN', state: 'SUCCEEDED' });
  expect(await holdersAtApple(world, tokenId, app)).toEqual([]);
  expect((await tokenOf(tokenId)).removedAt).not.toBeNull();
});

test('F5 a removal that leaves everything is done at once, and once', async () => {
  const tokenId = await world.library('district');
  const app = await giveApp(world, tokenId, { total: 10 });
  await associate(world, app, await makeDevices(world, 2));
  await world.settle();
  const stale = await makePlan(world.admin, 'TOKEN_REMOVAL', { tokenId, releaseLicenses: false });
  await associate(world, app, await makeDevices(world, 1));
  await expect(applyPlan(world.admin, stale)).rejects.toMatchObject({
    code: 'PLAN_STALE',
    changed: ['LICENSES', 'ITEMS'],
  });
  await world.settle();

  const plan = await makePlan(world.admin, 'TOKEN_REMOVAL', { tokenId, releaseLicenses: false });
  expect(await applyPlan(world.admin, plan)).toMatchObject({ taskId: null, replayed: false });
  expect(await applyPlan(world.admin, plan)).toMatchObject({ taskId: null, replayed: true });
  await world.work();
  expect((await tokenOf(tokenId)).removedAt).not.toBeNull();
  expect(await liveOf(world, app)).toEqual([]);
  expect(await holdersAtApple(world, tokenId, app)).toHaveLength(3);
});
