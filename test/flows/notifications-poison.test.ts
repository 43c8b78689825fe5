/** A notification at which Russet fails by itself: it comes back, is set aside, and never stands in the way of others. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measureNotifications } from '../../src/domain/notification/measure.ts';
import { maxTries } from '../../src/domain/notification/set-aside.ts';
import type { NotificationBody } from '../../src/simulator/index.ts';
import { uIdOf } from '../domain/license/support.ts';
import { createLiveWorld, type LiveWorld } from '../support/webhooks.ts';

let world: LiveWorld;
let token: bigint;
let uId: string;
beforeAll(async () => {
  world = await createLiveWorld();
  token = await world.library('own');
  uId = await uIdOf(world, token);
  await world.work();
  // Whoever applies the poisoned one meets an error in the middle of the transaction.
  await world.database.pool.query(`
    CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poisoned'; END $$;
    CREATE TRIGGER poison BEFORE UPDATE ON notification FOR EACH ROW
      WHEN (OLD.body LIKE '%poison%' AND NEW.applied_at IS NOT NULL AND NEW.outcome <> 'SET_ASIDE') EXECUTE FUNCTION poison()`);
});
afterAll(() => world.close());

/** Two assignments of somebody else, each in an event of its own. */
const strange = (serialNumber: string): NotificationBody => {
  const { adamId } = world.simulator.admin.truth({ uId }).assets.find((asset) => asset.available > 2)!;
  world.simulator.admin.pauseDeliveries();
  world.simulator.admin.assign({ uId, adamId, serialNumber });
  const assignments = [{ adamId, pricingParam: 'STDQ', serialNumber }];
  return {
    notification: { eventId: randomUUID(), type: 'ASSOCIATE', result: 'SUCCESS', assignments },
    notificationId: serialNumber,
    notificationType: 'ASSET_MANAGEMENT',
    uId,
  };
};
const rowOf = (appleId: string) =>
  world.database.prisma.notification.findFirstOrThrow({ where: { tokenId: token, appleId } });
const held = (serialNumber: string) =>
  world.database.prisma.license.count({ where: { serialNumber, state: 'CONFIRMED' } });
const syncs = () => world.database.prisma.task.count({ where: { kind: 'SYNC' } });

test('F3 one that can not be applied comes back, is set aside in the end, and leads to a sync; the others are applied at once', async () => {
  const before = await syncs();
  for (const serialNumber of ['BEFORE1', 'poison1', 'BEHIND1'])
    expect(await world.post(token, strange(serialNumber))).toBe(204);
  await world.work();
  for (const good of ['BEFORE1', 'BEHIND1']) {
    expect(await rowOf(good)).toMatchObject({ outcome: 'READ_AGAIN', attempts: 0 });
    expect(await held(good)).toBe(1);
  }
  for (let tries = 1; tries < maxTries; tries++) {
    const row = await rowOf('poison1');
    expect(row).toMatchObject({ appliedAt: null, attempts: tries });
    expect(row.dueAt.getTime()).toBeGreaterThan(world.clock.now().getTime());
    const later = `LATER${tries}`;
    await world.post(token, strange(later));
    await world.work();
    expect(await rowOf(later)).toMatchObject({ outcome: 'READ_AGAIN' });
    await world.clock.advance(row.dueAt.getTime() - world.clock.now().getTime());
    expect(await syncs()).toBe(before);
    await world.work();
  }
  expect(await rowOf('poison1')).toMatchObject({ outcome: 'SET_ASIDE' });
  expect(await syncs()).toBe(before + 1);
  await world.settle();
  expect(await held('POISON1')).toBe(1);
  const key = { organizationId: world.organizationId, tokenId: token };
  expect(await measureNotifications(world.services)).toEqual({ setAside: [{ ...key, count: 1 }], waiting: 0n });
  expect(await world.database.prisma.tokenWebhook.findFirstOrThrow({ where: { tokenId: token } })).toMatchObject({
    setAside: 1,
  });
});

test('F3 one that can not even be read is passed over, and those beside it are applied', async () => {
  const { apple } = world.services;
  world.services.apple = {
    ...apple,
    notificationNews: (body) => {
      if (body.includes('UNREAD')) throw new TypeError('a defect');
      return apple.notificationNews(body);
    },
  };
  for (const serialNumber of ['UNREAD1', 'BESIDE1']) await world.post(token, strange(serialNumber));
  await world.work();
  world.services.apple = apple;
  expect(await rowOf('UNREAD1')).toMatchObject({ outcome: 'UNREADABLE' });
  expect(await rowOf('BESIDE1')).toMatchObject({ outcome: 'READ_AGAIN' });
});
