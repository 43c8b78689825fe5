/** People who are retired give their seats back first; and the worker dies at every step of a seat, once. One library. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Failpoint } from '../../../src/domain/context.ts';
import { makePlan } from '../../../src/domain/plan/make.ts';
import { assignSeats } from '../../../src/domain/seat/assign.ts';
import { removeSeats } from '../../../src/domain/seat/remove.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { retireVppUsers } from '../../../src/domain/vpp-user/retire.ts';
import { createWorld, type World } from '../../support/world.ts';
import { Crash, crashAt, failuresOf, taskOf } from '../license/support.ts';
import { adamId, expectBalance, other, parentAdamId, people, type SeatTenant, seatTenant, uId } from './support.ts';

let world: World;
let tenant: SeatTenant;
let subscriptionIds: [bigint, bigint];
const users: { id: bigint; clientUserId: string }[] = [];
beforeAll(async () => {
  world = await createWorld();
  tenant = await seatTenant(world);
  const names = people(world, 40);
  for (const of of [adamId, other]) {
    world.simulator.admin.buySubscription({ uId, adamId: of, parentAdamId, renewing: 40, expiring: 10 });
  }
  await tenant.sync(tenant.tokenId);
  subscriptionIds = [(await tenant.row()).id, (await tenant.row(other)).id];
  const { organizationId } = tenant;
  const where = { organizationId, clientUserId: { in: names } };
  users.push(...(await world.database.prisma.vppUser.findMany({ where, orderBy: { id: 'asc' } })));
});
afterEach(async () => {
  world.services.failpoint = () => {};
  await world.settle();
  await expectBalance(world, tenant);
});
afterAll(() => world.close());

/** So many whom no other test has. */
const next = (count: number) => users.splice(0, count).map(({ id, clientUserId }) => ({ id, clientUserId }));
type Person = ReturnType<typeof next>[number];
const idsOf = (those: readonly Person[]) => those.map(({ id }) => id);

async function ask(those: readonly Person[], subscriptions = subscriptionIds.slice(0, 1)): Promise<bigint> {
  const asked = { subscriptionIds: subscriptions, vppUserIds: idsOf(those), renewing: true };
  return (await assignSeats(tenant.context, asked)).taskIds[0]!;
}
async function take(those: readonly Person[], deferred = false): Promise<bigint> {
  const holders = { subscriptionIds: subscriptionIds.slice(0, 1), vppUserIds: idsOf(those) };
  return (await removeSeats(tenant.context, { target: { holders }, deferred })).taskIds[0]!;
}
const retire = async (those: readonly Person[]) =>
  (await retireVppUsers(tenant.context, { vppUserIds: idsOf(those) })).taskIds[0]!;
const seatsOf = async (those: readonly Person[]) => {
  const rows = await world.database.prisma.seatAssignment.findMany({
    where: { organizationId: tenant.organizationId, vppUserId: { in: idsOf(those) } },
    orderBy: { id: 'asc' },
  });
  return rows.map((seat) => seat.state);
};
const statusOf = async (those: readonly Person[]) => {
  const rows = await world.database.prisma.vppUser.findMany({
    where: { id: { in: idsOf(those) } },
    orderBy: { id: 'asc' },
  });
  return rows.map(({ status, retiring }) => (retiring ? 'RETIRING' : status));
};
const operations = () =>
  world.simulator.admin
    .journal({ limit: 10_000 })
    .map(({ operation }) => operation)
    .filter((operation) => /Subscriptions$|retireUsers/.test(operation) && !operation.startsWith('get'));

test('F9 S48 who is retired gives every seat back first: held, deferred and not sent; one through a group stays', async () => {
  const those = next(3);
  await tenant.finish(await ask(those.slice(0, 2), subscriptionIds));
  await tenant.finish(await take(those.slice(1, 2), true));
  world.simulator.admin.giveSubscription({ uId, adamId, clientUserId: those[2]!.clientUserId, viaGroup: true });
  await tenant.sync(tenant.tokenId);
  await world.database.prisma.seatAssignment.updateMany({
    where: { vppUserId: those[2]!.id },
    data: { throughGroup: true },
  });
  const asked = await ask(those.slice(2), subscriptionIds.slice(1));
  const { planId } = await makePlan(tenant.context, 'USER_RETIREMENT', { vppUserIds: idsOf(those) });
  const items = await world.database.prisma.planItem.findMany({ where: { planId }, orderBy: { id: 'asc' } });
  const seen = items.map(({ outcome, licenses, vppUserId, seatId }) => [outcome, licenses, vppUserId, seatId !== null]);
  const [first, second, third] = idsOf(those);
  expect(seen).toEqual([
    ['RETIRE', 0n, first, false],
    ['TAKE_BACK', 0n, first, true],
    ['TAKE_BACK', 0n, first, true],
    ['RETIRE', 0n, second, false],
    ['TAKE_BACK', 0n, second, true],
    ['TAKE_BACK', 0n, second, true],
    ['LEAVE', 0n, third, true],
    ['RETIRE', 0n, third, false],
    ['TAKE_BACK', 0n, third, true],
  ]);
  world.simulator.admin.clearJournal();
  const task = await tenant.finish(await retire(those));
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 8n, completed: 8n, failed: 0n });
  expect(await taskOf(world, asked)).toMatchObject({ outcome: 'NONE', failed: 1n });
  expect(new Set(operations())).toEqual(new Set(['disassociateSubscriptions', 'retireUsers']));
  expect(operations().at(-1)).toBe('retireUsers');
  expect(await statusOf(those)).toEqual(['RETIRED', 'RETIRED', 'RETIRED']);
  // Apple frees what a group gave of its own accord, and the seats are read again.
  await world.settle();
  expect((await seatsOf(those)).toSorted()).toEqual([
    'FAILED',
    'GONE_AT_APPLE',
    'REMOVED',
    'REMOVED',
    'REMOVED',
    'REMOVED',
  ]);
});

test('F9 S48 a seat that Apple is working on is taken back when it is there, then its user is retired', async () => {
  const those = next(2);
  world.simulator.admin.clearJournal();
  const asked = await ask(those);
  await world.work();
  expect(await seatsOf(those)).toEqual(['PENDING_AT_APPLE', 'PENDING_AT_APPLE']);
  const retirement = await retire(those);
  expect(await taskOf(world, retirement)).toMatchObject({ requested: 4n, completed: 0n });
  expect(await tenant.finish(retirement)).toMatchObject({ outcome: 'ALL', completed: 4n, failed: 0n });
  expect(await taskOf(world, asked)).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(operations()).toEqual(['associateSubscriptions', 'disassociateSubscriptions', 'retireUsers']);
  expect(await seatsOf(those)).toEqual(['REMOVED', 'REMOVED']);
  expect(await statusOf(those)).toEqual(['RETIRED', 'RETIRED']);
});

test('F9 S48 a retirement behind a write that Apple did not take: the seat is never sent again', async () => {
  const those = next(1);
  world.simulator.admin.faults.add({
    match: { operation: 'associateSubscriptions', times: 1 },
    fault: { kind: 'reset', when: 'before' },
  });
  world.simulator.admin.clearJournal();
  const asked = await ask(those);
  await world.work();
  const retirement = await retire(those);
  expect(await tenant.finish(retirement)).toMatchObject({ outcome: 'ALL', requested: 2n, completed: 2n });
  expect(await taskOf(world, asked)).toMatchObject({ outcome: 'NONE', failed: 1n });
  expect(operations()).toEqual(['associateSubscriptions', 'retireUsers']);
});

test('F9 S48 cancelled while it waits behind a request: the seat stays, and so does the user', async () => {
  const those = next(1);
  const asked = await ask(those);
  await world.work();
  const retirement = await retire(those);
  await cancelTask(tenant.context, { taskId: retirement });
  expect(await tenant.finish(asked)).toMatchObject({ outcome: 'ALL', completed: 1n });
  expect(await taskOf(world, retirement)).toMatchObject({ state: 'CANCELLED', requested: 2n, failed: 2n });
  expect(await seatsOf(those)).toEqual(['CONFIRMED']);
  expect(await statusOf(those)).toEqual(['ASSOCIATED']);
});

test('F9 S48 a seat that Apple does not take back keeps its user from being retired, and a retry does the rest', async () => {
  const those = next(2);
  await tenant.finish(await ask(those));
  world.simulator.admin.faults.add({
    match: { operation: 'disassociateSubscriptions', times: 1 },
    fault: { kind: 'event', plan: { failTargets: [those[0]!.clientUserId], errorNumber: 9607 } },
  });
  const retirement = await retire(those);
  expect(await tenant.finish(retirement)).toMatchObject({ outcome: 'SOME', completed: 2n, failed: 2n });
  expect((await failuresOf(world, retirement)).map(({ code }) => code)).toContain('SEATS_NOT_REMOVED');
  expect(await statusOf(those)).toEqual(['ASSOCIATED', 'RETIRED']);
  const again = await tenant.finish(await retryTask(tenant.context, { taskId: retirement }));
  expect(again).toMatchObject({ outcome: 'ALL', completed: 2n });
  expect(await statusOf(those)).toEqual(['RETIRED', 'RETIRED']);
});

const points: Failpoint[] = ['claimed', 'before-call', 'after-call', 'polling', 'settling', 'done'];

test.each(points)(
  'F9 F12 killed at "%s": each user gets exactly one seat, and gives back exactly one',
  async (point) => {
    const those = next(2);
    const work = async () => {
      for (let round = 0; round < 100; round++) {
        try {
          return await world.settle();
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
        }
      }
    };
    for (const [start, states] of [
      [ask, ['CONFIRMED', 'CONFIRMED']],
      [take, ['REMOVED', 'REMOVED']],
    ] as const) {
      const taskId = await start(those);
      const died = crashAt(world, point);
      await work();
      expect(died()).toBe(true);
      expect(await taskOf(world, taskId)).toMatchObject({
        state: 'SUCCEEDED',
        outcome: 'ALL',
        completed: 2n,
        failed: 0n,
      });
      expect(await seatsOf(those)).toEqual(states);
      await expectBalance(world, tenant);
    }
  },
);
