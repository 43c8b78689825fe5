import { afterAll, beforeAll, expect, test } from 'vitest';
import { transaction } from '../../src/db/transaction.ts';
import { SeatSubscriptionsExistError } from '../../src/domain/errors.ts';
import { disableSeatSubscriptions, enableSeatSubscriptions } from '../../src/domain/seat/enable.ts';
import { refreshSeats } from '../../src/domain/seat/refresh.ts';
import { readSeatsBy } from '../../src/domain/seat/wake.ts';
import { adamId, day, expectBalance, other, parentAdamId, people, seatTenant, uId } from '../domain/seat/support.ts';
import { newTenant } from '../domain/sync/support.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const buy = (renewing: number, expiring = 0, of: string = adamId) =>
  world.simulator.admin.buySubscription({ uId, adamId: of, parentAdamId, renewing, expiring });
const give = (clientUserId: string, renewing = true, of: string = adamId) =>
  world.simulator.admin.giveSubscription({ uId, adamId: of, clientUserId, renewing });
const readNow = async ({ organizationId, tokenId }: { organizationId: bigint; tokenId: bigint }) => {
  await world.clock.advance(1_000);
  await transaction(world.services, (tx) => readSeatsBy(tx, { organizationId, tokenId }, world.clock.now()));
  await world.work();
};

test('F9 nothing is read or declared before somebody enables it; disabling names what exists', async () => {
  const tenant = await newTenant(world);
  const tokenId = await tenant.library();
  const asked = () => world.simulator.admin.journal().filter(({ path }) => path.includes('/subscriptions'));
  expect(asked()).toEqual([]);
  expect(world.simulator.admin.subscriptions({ uId }).enabled).toBe(false);
  const { declaration } = await enableSeatSubscriptions(tenant.context, { tokenId });
  expect(declaration).toContain('managers can now buy');
  expect(world.simulator.admin.subscriptions({ uId }).enabled).toBe(true);
  buy(3, 2);
  const refusal = await disableSeatSubscriptions(tenant.context, { tokenId }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(SeatSubscriptionsExistError);
  expect((refusal as SeatSubscriptionsExistError).subscriptions).toEqual([
    { adamId, parentAdamId, status: 'ACTIVE', seats: 5 },
  ]);
  world.simulator.admin.setSubscription({ uId, adamId, status: 'INACTIVE' });
  await disableSeatSubscriptions(tenant.context, { tokenId });
  expect(world.simulator.admin.subscriptions({ uId }).enabled).toBe(false);
  await world.work();
  const before = asked().length;
  await tenant.sync(tokenId);
  expect(asked()).toHaveLength(before);
  const actions = await world.database.prisma.auditEntry.findMany({
    where: { organizationId: tenant.organizationId, action: { startsWith: 'seat.' } },
    orderBy: { id: 'asc' },
  });
  expect(actions.map(({ action }) => action)).toEqual(['seat.enable', 'seat.disable']);
});

test('F9 a sync reads them as a phase of its own, over pages of two and an empty last one', async () => {
  const tenant = await seatTenant(world);
  world.simulator.admin.setOptions({ subscriptionPageSize: 2, subscriptionLastCursor: 'always' });
  buy(4, 3);
  buy(1, 0, other);
  const names = people(world, 6);
  for (const [index, name] of names.entries()) give(name, index < 4);
  give(names[0]!, true, other);
  await tenant.sync(tenant.tokenId);
  expect(await tenant.seats()).toEqual(
    names.map((name, index) => `${name} ${index < 4 ? 'renewing' : 'expiring'} CONFIRMED`),
  );
  expect(await tenant.seats(other)).toEqual([`${names[0]} renewing CONFIRMED`]);
  expect(await tenant.row()).toMatchObject({
    heldRenewing: 4n,
    heldExpiring: 2n,
    totalRenewing: 4n,
    totalExpiring: 3n,
  });
  await expectBalance(world, tenant);
  const events = await world.database.prisma.taskEvent.findMany({ where: { organizationId: tenant.organizationId } });
  expect(events.map(({ payload }) => (payload as { phase: string }).phase)).toContain('SEATS');
});

test('F9 what others give, take back or turn at Apple is found; what is missing while the list moves is not judged at once', async () => {
  const tenant = await seatTenant(world);
  buy(3, 3);
  const names = people(world, 3);
  for (const name of names) give(name);
  await readNow(tenant);
  give(names[0]!, false);
  const truth = world.simulator.admin.subscriptions({ uId });
  expect(truth.seats).toHaveLength(3);
  await readNow(tenant);
  expect(await tenant.seats()).toEqual([
    `${names[0]} expiring CONFIRMED`,
    `${names[1]} renewing CONFIRMED`,
    `${names[2]} renewing CONFIRMED`,
  ]);
  await expectBalance(world, tenant);
  // The same list once more changes nothing.
  const lines = await world.database.prisma.seatLedger.count({ where: { organizationId: tenant.organizationId } });
  await readNow(tenant);
  expect(await world.database.prisma.seatLedger.count({ where: { organizationId: tenant.organizationId } })).toBe(
    lines,
  );
});

test('F9 a lost cursor begins the reading again; a reading that fails comes back by itself', async () => {
  const tenant = await seatTenant(world);
  world.simulator.admin.setOptions({ subscriptionPageSize: 1 });
  buy(3);
  for (const name of people(world, 3)) give(name);
  world.simulator.admin.faults.add({
    match: { operation: 'getSubscriptionAssignments', times: 1 },
    fault: { kind: 'error', errorNumber: 9812 },
  });
  await readNow(tenant);
  expect(await tenant.seats()).toHaveLength(3);
  world.simulator.admin.faults.add({
    match: { operation: 'getSubscriptions', times: 2 },
    fault: { kind: 'error', errorNumber: 9603 },
  });
  buy(2);
  await readNow(tenant);
  expect(await tenant.row()).toMatchObject({ totalRenewing: 3n });
  await tenant.live(3_600_000, 600_000);
  expect(await tenant.row()).toMatchObject({ totalRenewing: 5n });
  await expectBalance(world, tenant);
});

test('F9 the end of a period is read on its day, without news or sync: expiring seats end, the others renew', async () => {
  const tenant = await seatTenant(world);
  buy(3, 2);
  const names = people(world, 4);
  for (const [index, name] of names.entries()) give(name, index < 2);
  await readNow(tenant);
  expect((await tenant.row()).periodEndsOn?.toISOString()).toBe(
    `${new Date(world.clock.now().getTime() + 30 * day).toISOString().slice(0, 10)}T00:00:00.000Z`,
  );
  await tenant.live(29 * day, 7 * day);
  await tenant.live(3 * day, day / 4);
  expect(await tenant.seats()).toEqual(names.slice(0, 2).map((name) => `${name} renewing CONFIRMED`));
  const row = await tenant.row();
  expect(row).toMatchObject({
    status: 'ACTIVE',
    totalRenewing: 3n,
    totalExpiring: 0n,
    heldRenewing: 2n,
    heldExpiring: 0n,
  });
  expect(row.periodEndedOn!.getTime()).toBeLessThan(row.periodEndsOn!.getTime());
  const ended = await world.database.prisma.seatAssignment.findMany({
    where: { organizationId: tenant.organizationId, endedAt: { not: null } },
  });
  expect(ended.map(({ state, endReason }) => [state, endReason])).toEqual([
    ['EXPIRED', 'PERIOD_END'],
    ['EXPIRED', 'PERIOD_END'],
  ]);
  await expectBalance(world, tenant);
}, 120_000);

test('F9 two readings at a time: the later one goes on, the earlier one stops, nothing is counted twice', async () => {
  const tenant = await seatTenant(world);
  world.simulator.admin.setOptions({ subscriptionPageSize: 3 });
  buy(30);
  for (const name of people(world, 30)) give(name);
  const key = { organizationId: tenant.organizationId, tokenId: tenant.tokenId };
  await transaction(world.services, (tx) => readSeatsBy(tx, key, world.clock.now()));
  await Promise.all(Array.from({ length: 4 }, () => refreshSeats(world.services, key, 'test')));
  await readNow(tenant);
  expect(await tenant.seats()).toHaveLength(30);
  await expectBalance(world, tenant);
});
