import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  DomainError,
  NoSeatsAvailableError,
  SeatChangeInProgressError,
  SeatNotAssignedError,
  SeatSubscriptionNotActiveError,
  SeatsNotEnabledError,
  UserNotAssociatedError,
} from '../../../src/domain/errors.ts';
import { type AssignSeatsInput, assignSeats } from '../../../src/domain/seat/assign.ts';
import { type RemoveSeatsInput, removeSeats } from '../../../src/domain/seat/remove.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { retryTask } from '../../../src/domain/task/retry.ts';
import { removeToken } from '../../../src/domain/token/remove.ts';
import { createWorld, type World } from '../../support/world.ts';
import { readTask } from '../sync/support.ts';
import {
  adamId,
  day,
  expectBalance,
  other,
  parentAdamId,
  people,
  type SeatTenant,
  seatTenant,
  uId,
} from './support.ts';

let world: World;
beforeAll(async () => {
  // Months pass here, for each of the tenants so far; what else happens daily is not looked at.
  const never = 10_000 * day;
  world = await createWorld({ settings: { metadataEvery: never, probeEvery: never, fullSyncEvery: never } });
});
afterAll(() => world.close());

/** A tenant with 5 renewing and 3 expiring seats, and so many linked people. */
async function stocked(count = 6) {
  const tenant = await seatTenant(world);
  const names = people(world, count);
  world.simulator.admin.buySubscription({ uId, adamId, parentAdamId, renewing: 5, expiring: 3 });
  world.simulator.admin.buySubscription({ uId, adamId: other, parentAdamId, renewing: 2 });
  await tenant.sync(tenant.tokenId);
  const users = await world.database.prisma.vppUser.findMany({
    where: { organizationId: tenant.organizationId, clientUserId: { in: names } },
    orderBy: { clientUserId: 'asc' },
  });
  const subscription = await tenant.row();
  const ask = (input: Partial<AssignSeatsInput> & { from?: number; to?: number }) => {
    const { from = 0, to = users.length, ...more } = input;
    return assignSeats(tenant.context, {
      subscriptionIds: [subscription.id],
      vppUserIds: users.slice(from, to).map(({ id }) => id),
      renewing: true,
      ...more,
    });
  };
  const assign = async (input: Parameters<typeof ask>[0]) => tenant.finish((await ask(input)).taskIds[0]!);
  const take = (from: number, to: number, more: Partial<RemoveSeatsInput> = {}) =>
    removeSeats(tenant.context, {
      target: {
        holders: { subscriptionIds: [subscription.id], vppUserIds: users.slice(from, to).map(({ id }) => id) },
      },
      ...more,
    });
  const remove = async (...input: Parameters<typeof take>) => tenant.finish((await take(...input)).taskIds[0]!);
  return { ...tenant, names, users, subscription, ask, assign, take, remove };
}

const failuresOf = async (tenant: SeatTenant, taskId: bigint) => {
  const rows = await world.database.prisma.taskFailure.findMany({
    where: { organizationId: tenant.organizationId, taskId },
    orderBy: { id: 'asc' },
  });
  return rows.map(({ clientUserId, code }) => `${clientUserId} ${code}`);
};
const appleSeats = () =>
  world.simulator.admin
    .subscriptions({ uId })
    .seats.map((seat) => `${seat.adamId} ${seat.clientUserId} ${seat.renewing}`)
    .sort();

test('F9 seats of both kinds are assigned, counted and confirmed; each item is told', async () => {
  const tenant = await stocked();
  const task = await tenant.assign({ to: 3 });
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 3n, completed: 3n, failed: 0n });
  await tenant.assign({ from: 3, to: 5, renewing: false });
  expect(await tenant.row()).toMatchObject({ heldRenewing: 3n, heldExpiring: 2n, reservedRenewing: 0n });
  expect(appleSeats()).toEqual(tenant.names.slice(0, 5).map((name, index) => `${adamId} ${name} ${index < 3}`));
  await expectBalance(world, tenant);
});

test('F9 never more than there are of the kind: ATOMIC does nothing, SKIP_FAILED gives what is free', async () => {
  const tenant = await stocked();
  await expect(tenant.ask({ to: 6 })).rejects.toThrow(NoSeatsAvailableError);
  await expect(tenant.ask({ to: 4, renewing: false })).rejects.toMatchObject({ available: 3n, requested: 4 });
  expect(await tenant.seats()).toEqual([]);
  const task = await tenant.assign({ to: 6, onError: 'SKIP_FAILED' });
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 5n, failed: 1n });
  expect(await failuresOf(tenant, task.id)).toEqual([`${tenant.names[5]} NO_SEATS_AVAILABLE`]);
  await expectBalance(world, tenant);
});

test('F9 twelve requests at once for three seats: three are given', async () => {
  const tenant = await stocked(12);
  const all = await Promise.allSettled(
    Array.from({ length: 12 }, (_, n) => tenant.ask({ from: n, to: n + 1, renewing: false })),
  );
  expect(all.filter(({ status }) => status === 'fulfilled').length).toBe(3);
  await world.settle();
  await expectBalance(world, tenant);
});

test('F9 only linked people, only active subscriptions, only where it is enabled; a held seat needs no second one', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 1 });
  await expect(tenant.ask({ to: 1 })).rejects.toMatchObject({ code: 'SEAT_ALREADY_ASSIGNED', renewing: true });
  expect(await tenant.assign({ to: 2 })).toMatchObject({ outcome: 'SOME', completed: 1n, failed: 1n });
  world.simulator.admin.setUser({ uId, clientUserId: tenant.names[2]!, status: 'Registered' });
  await tenant.sync(tenant.tokenId);
  await expect(tenant.ask({ from: 2, to: 3 })).rejects.toThrow(UserNotAssociatedError);
  world.simulator.admin.setSubscription({ uId, adamId, status: 'PAUSED' });
  await tenant.sync(tenant.tokenId);
  await expect(tenant.ask({ from: 3, to: 4 })).rejects.toThrow(SeatSubscriptionNotActiveError);
  await world.database.prisma.seatLibrary.updateMany({ where: { tokenId: tenant.tokenId }, data: { enabledAt: null } });
  await expect(tenant.ask({ from: 3, to: 4 })).rejects.toThrow(SeatsNotEnabledError);
});

test('F9 a key makes a repeat harmless', async () => {
  const tenant = await stocked();
  const first = await tenant.ask({ to: 2, idempotencyKey: 'k' });
  const second = await tenant.ask({ to: 2, idempotencyKey: 'k' });
  expect(second).toEqual({ taskIds: first.taskIds, replayed: true });
  await tenant.finish(first.taskIds[0]!);
  expect(await tenant.seats()).toHaveLength(2);
});

test('F9 what Apple refuses fails by itself, with its number, and its seat is free again', async () => {
  const tenant = await stocked();
  world.simulator.admin.setUser({ uId, clientUserId: tenant.names[1]!, status: 'Registered' });
  const task = await tenant.assign({ to: 4 });
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'SOME', completed: 3n, failed: 1n });
  expect(await failuresOf(tenant, task.id)).toEqual([`${tenant.names[1]} USER_NOT_ASSOCIATED`]);
  expect(await tenant.row()).toMatchObject({ heldRenewing: 3n, reservedRenewing: 0n });
  await expectBalance(world, tenant);
  world.simulator.admin.setUser({ uId, clientUserId: tenant.names[1]!, status: 'Associated' });
  const again = await tenant.finish(await retryTask(tenant.context, { taskId: task.id }));
  expect(again).toMatchObject({ outcome: 'ALL', completed: 1n, retryOf: task.id });
});

test('F9 seats are taken back at once; a seat through a group stays, and is named', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 3 });
  world.simulator.admin.giveSubscription({ uId, adamId, clientUserId: tenant.names[3]!, viaGroup: true });
  await tenant.sync(tenant.tokenId);
  await expect(tenant.take(4, 5)).rejects.toThrow(SeatNotAssignedError);
  const task = await tenant.remove(0, 4);
  expect(task).toMatchObject({ outcome: 'SOME', completed: 3n, failed: 1n });
  expect(await failuresOf(tenant, task.id)).toEqual([`${tenant.names[3]} SEAT_HELD_THROUGH_GROUP`]);
  expect(await tenant.seats()).toEqual([`${tenant.names[3]} renewing CONFIRMED`]);
  await expectBalance(world, tenant);
});

test('F9 a deferred removal keeps the seat until the end of the period, which the clock brings', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 3 });
  await tenant.assign({ from: 3, to: 4, renewing: false });
  const task = await tenant.remove(0, 2, { deferred: true });
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 2n });
  expect(await tenant.seats()).toEqual([
    `${tenant.names[0]} renewing REMOVAL_DEFERRED`,
    `${tenant.names[1]} renewing REMOVAL_DEFERRED`,
    `${tenant.names[2]} renewing CONFIRMED`,
    `${tenant.names[3]} expiring CONFIRMED`,
  ]);
  await expectBalance(world, tenant);
  await expect(tenant.take(0, 1, { deferred: true })).rejects.toThrow(SeatChangeInProgressError);
  // One of them leaves at once after all.
  await tenant.remove(1, 2);
  await tenant.live(29 * day, 7 * day);
  await tenant.live(3 * day, day / 4);
  expect(await tenant.seats()).toEqual([`${tenant.names[2]} renewing CONFIRMED`]);
  const ended = await world.database.prisma.seatAssignment.findMany({
    where: { organizationId: tenant.organizationId, endedAt: { not: null } },
    orderBy: { clientUserId: 'asc' },
  });
  expect(ended.map(({ state, endReason }) => `${state} ${endReason}`)).toEqual([
    'REMOVED PERIOD_END',
    'REMOVED REMOVED',
    'EXPIRED PERIOD_END',
  ]);
  expect(await tenant.row()).toMatchObject({ heldRenewing: 1n, totalRenewing: 5n, totalExpiring: 0n });
  await expectBalance(world, tenant);
}, 60_000);

test.each([
  ['applied', 'after', 1],
  ['not applied', 'before', 2],
] as const)(
  'F9 a write whose answer got lost, %s, is compared with the list of seats; nothing is given twice',
  async (_how, when, calls) => {
    const tenant = await stocked();
    const operation = 'associateSubscriptions';
    world.simulator.admin.faults.add({ match: { operation, times: 1 }, fault: { kind: 'reset', when } });
    const before = world.simulator.admin.journal({ operation }).length;
    const task = await tenant.assign({ to: 3 });
    expect(task).toMatchObject({ outcome: 'ALL', completed: 3n });
    expect(world.simulator.admin.journal({ operation }).length - before).toBe(calls);
    expect(await tenant.seats()).toHaveLength(3);
    await expectBalance(world, tenant);
  },
);

const associations = () => world.simulator.admin.journal({ operation: 'associateSubscriptions', limit: 10_000 });

test.each([9644, 9603])(
  'F9 §14 %i of a single seat: sent again by the table of Apple’s errors, and given in the end',
  async (number) => {
    const tenant = await stocked();
    world.simulator.admin.faults.add({
      match: { operation: 'associateSubscriptions', times: 1 },
      fault: { kind: 'event', plan: { failTargets: [tenant.names[1]!], errorNumber: number } },
    });
    const before = associations().length;
    const task = await tenant.assign({ to: 3 });
    expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', completed: 3n, failed: 0n });
    const calls = associations().slice(before);
    expect(calls).toHaveLength(2);
    const wait = Date.parse(calls[1]!.at) - Date.parse(calls[0]!.at);
    if (number === 9603) expect(wait).toBeLessThan(10_000);
    else expect(wait).toBeGreaterThanOrEqual(60_000);
    await expectBalance(world, tenant);
  },
);

test('F9 §14 a deferred removal that Apple asked to try later is wished again, not taken for agreed', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 2 });
  const operation = 'disassociateSubscriptions';
  world.simulator.admin.faults.add({
    match: { operation, times: 1 },
    fault: { kind: 'event', plan: { failTargets: [tenant.names[0]!], errorNumber: 9644 } },
  });
  const before = world.simulator.admin.journal({ operation }).length;
  expect(await tenant.remove(0, 1, { deferred: true })).toMatchObject({ outcome: 'ALL', completed: 1n });
  expect(world.simulator.admin.journal({ operation }).length - before).toBe(2);
  expect(await tenant.seats()).toEqual([
    `${tenant.names[0]} renewing REMOVAL_DEFERRED`,
    `${tenant.names[1]} renewing CONFIRMED`,
  ]);
});

test('F9 cancelled before it is sent: nothing reaches Apple and every seat is free', async () => {
  const tenant = await stocked();
  const { taskIds } = await tenant.ask({ to: 3 });
  await cancelTask(tenant.context, { taskId: taskIds[0]! });
  await world.settle();
  expect(await tenant.finish(taskIds[0]!)).toMatchObject({ state: 'CANCELLED', failed: 3n });
  expect(appleSeats()).toEqual([]);
  expect(await tenant.row()).toMatchObject({ reservedRenewing: 0n, heldRenewing: 0n });
  const asked = await tenant.ask({ to: 2 });
  const taken = await tenant.take(0, 2);
  expect(await tenant.finish(asked.taskIds[0]!)).toMatchObject({ outcome: 'NONE', failed: 2n });
  expect(await tenant.finish(taken.taskIds[0]!)).toMatchObject({ outcome: 'ALL', completed: 2n });
  await expectBalance(world, tenant);
});

test('F9 §1.7 what was sent and put back may be at Apple: neither a cancel nor a removal gives its seat away before the next answer', async () => {
  const tenant = await stocked();
  const { taskIds } = await tenant.ask({ to: 2 });
  const mine = { organizationId: tenant.organizationId };
  const sent = { ...mine, vppUserId: tenant.users[0]!.id };
  await world.database.prisma.seatAssignment.updateMany({ where: sent, data: { sends: 1 } });
  await cancelTask(tenant.context, { taskId: taskIds[0]! });
  expect(await tenant.row()).toMatchObject({ reservedRenewing: 1n });
  expect(await tenant.finish(taskIds[0]!)).toMatchObject({ state: 'CANCELLED', completed: 1n, failed: 1n });
  expect(await tenant.seats()).toEqual([`${tenant.names[0]} renewing CONFIRMED`]);
  const asked = await tenant.ask({ from: 2, to: 3 });
  const again = { ...mine, vppUserId: tenant.users[2]!.id };
  await world.database.prisma.seatAssignment.updateMany({ where: again, data: { sends: 1 } });
  await expect(tenant.take(2, 3)).rejects.toThrow(SeatChangeInProgressError);
  expect(await tenant.finish(asked.taskIds[0]!)).toMatchObject({ outcome: 'ALL', completed: 1n });
  expect(appleSeats()).toHaveLength(2);
  await expectBalance(world, tenant);
});

test('F9 seats whose token can not be used are refused one by one; what was not sent is cancelled with any token', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 2 });
  const asked = await tenant.ask({ from: 2, to: 3 });
  const { organizationId, tokenId: id } = tenant;
  const rename = (condition: 'REVOKED' | 'OK') =>
    world.database.prisma.token.update({ where: { organizationId_id: { organizationId, id } }, data: { condition } });
  await rename('REVOKED');
  await expect(tenant.take(0, 3)).rejects.toMatchObject({ code: 'TOKEN_NOT_USABLE', state: 'REVOKED' });
  const { taskIds } = await tenant.take(0, 3, { onError: 'SKIP_FAILED' });
  expect(await failuresOf(tenant, taskIds[0]!)).toEqual(
    tenant.names.slice(0, 2).map((name) => `${name} TOKEN_NOT_USABLE`),
  );
  expect(await readTask(world, taskIds[0]!)).toMatchObject({
    outcome: 'SOME',
    requested: 3n,
    completed: 1n,
    failed: 2n,
  });
  expect(await readTask(world, asked.taskIds[0]!)).toMatchObject({ outcome: 'NONE', failed: 1n });
  // Alone it is cancelled also by an ATOMIC request.
  const again = await tenant.ask({ from: 2, to: 3 }).catch((error: unknown) => error);
  expect(again).toMatchObject({ code: 'TOKEN_NOT_USABLE' });
  await rename('OK');
  const retried = await tenant.finish(await retryTask(tenant.context, { taskId: taskIds[0]! }));
  expect(retried).toMatchObject({ outcome: 'ALL', completed: 2n });
  await expectBalance(world, tenant);
});

test('F9 seats by id: one that has ended names its user and subscription, an id of none is NOT_FOUND', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 2 });
  const { organizationId, context } = tenant;
  const seats = await world.database.prisma.seatAssignment.findMany({
    where: { organizationId },
    orderBy: { clientUserId: 'asc' },
  });
  const seatIds = seats.map(({ id }) => id);
  const take = (more: bigint[] = []) => removeSeats(context, { target: { seatIds: [...seatIds, ...more] } });
  await tenant.remove(0, 1);
  await expect(take([999_999_999n])).rejects.toMatchObject({ code: 'NOT_FOUND', missing: ['999999999'] });
  const { taskIds } = await take();
  expect(await tenant.finish(taskIds[0]!)).toMatchObject({ outcome: 'SOME', completed: 1n, failed: 1n });
  expect(await world.database.prisma.taskFailure.findMany({ where: { taskId: taskIds[0]! } })).toMatchObject([
    {
      code: 'SEAT_NOT_ASSIGNED',
      clientUserId: tenant.names[0],
      vppUserId: tenant.users[0]!.id,
      seatId: seatIds[0],
      seatSubscriptionId: tenant.subscription.id,
    },
  ]);
  await expect(take()).rejects.toMatchObject({
    code: 'SEAT_NOT_ASSIGNED',
    message: expect.stringContaining(tenant.names[0]!),
  });
});

test('F9 a token that goes away ends its seats here; at Apple they stay', async () => {
  const tenant = await stocked();
  await tenant.assign({ to: 2 });
  const { taskIds } = await tenant.ask({ from: 2, to: 4 });
  await expect(removeToken(tenant.context, { tokenId: tenant.tokenId })).rejects.toMatchObject({
    code: 'TOKEN_HOLDS_LICENSES',
    holdings: { seats: 4n },
  });
  await removeToken(tenant.context, { tokenId: tenant.tokenId, confirm: true });
  expect(await tenant.finish(taskIds[0]!)).toMatchObject({ state: 'FAILED', failed: 2n });
  expect(await tenant.seats()).toEqual([]);
  expect(appleSeats()).toHaveLength(2);
  expect(await tenant.row()).toMatchObject({ heldRenewing: 0n, reservedRenewing: 0n, totalRenewing: 0n });
});

test('F9 the balance holds over a random hundred of wishes, purchases and periods', async () => {
  const tenant = await stocked(12);
  let seed = Number(process.env.SEATS_SEED ?? 20261124);
  console.info(`seed ${seed}`);
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  for (let step = 0; step < 100; step++) {
    const from = random(12);
    const to = Math.min(12, from + 1 + random(4));
    const what = random(10);
    const ignore = (error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    };
    if (what < 4) await tenant.ask({ from, to, renewing: random(2) === 0, onError: 'SKIP_FAILED' }).catch(ignore);
    else if (what < 7) await tenant.take(from, to, { deferred: random(2) === 0, onError: 'SKIP_FAILED' }).catch(ignore);
    else if (what < 8)
      world.simulator.admin.buySubscription({ uId, adamId, parentAdamId, renewing: random(3), expiring: random(3) });
    else if (what < 9) await world.clock.advance(3 * day);
    else await world.clock.advance(500);
    if (random(3) === 0) await world.work();
  }
  await world.settle();
  await tenant.sync(tenant.tokenId);
  await world.settle();
  await expectBalance(world, tenant);
}, 120_000);
