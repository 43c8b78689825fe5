import { afterAll, beforeAll, expect, test } from 'vitest';
import { enableSeatSubscriptions } from '../../../src/domain/seat/enable.ts';
import { createLiveWorld, type LiveWorld } from '../../support/webhooks.ts';
import { adamId, expectBalance, parentAdamId, people, uId } from './support.ts';

let world: LiveWorld;
beforeAll(async () => {
  world = await createLiveWorld({ settings: { firstPollWhenLive: 300_000, pollEvery: 30_000 } });
});
afterAll(() => world.close());

test('F9 what Apple tells of seats is read: a purchase shows without a sync, and so does who was given one', async () => {
  const tokenId = await world.library('own');
  await enableSeatSubscriptions(world.admin, { tokenId });
  await world.work();
  const { prisma } = world.database;
  const row = () => prisma.seatSubscription.findFirst({ where: { tokenId, adamId } });
  world.simulator.admin.buySubscription({ uId, adamId, parentAdamId, renewing: 4, expiring: 1 });
  const [name] = people(world, 1);
  world.simulator.admin.giveSubscription({ uId, adamId, clientUserId: name! });
  await world.clock.advance(1_000);
  await world.simulator.admin.deliver();
  await world.work();
  await world.clock.advance(2_000);
  await world.work();
  expect(await row()).toMatchObject({ totalRenewing: 4n, totalExpiring: 1n, heldRenewing: 1n });
  const told = await prisma.notification.findMany({ where: { type: 'SUBSCRIPTION_COUNT' } });
  expect(told.map(({ outcome }) => outcome)).toEqual(['READ_AGAIN']);
  await expectBalance(world, { organizationId: world.organizationId });
});
