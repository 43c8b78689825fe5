import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { forecast, readForecasts } from '../../../src/domain/app/forecast.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, giveApp, makeDevices, revoke } from '../license/support.ts';

const day = 86_400_000;
const now = new Date('2026-11-24T08:00:00Z');
const numbers = {
  appId: 1n,
  firstSeenAt: new Date(now.getTime() - 100 * day),
  pools: 1n,
  unlimited: false,
  available: 20n,
  given: 70n,
  returned: 10n,
};

test('F14 the forecast says the day, and the numbers that it follows from', () => {
  expect(forecast(numbers, now)).toEqual({
    appId: 1n,
    runsOutOn: new Date(now.getTime() + 10 * day),
    reason: null,
    available: 20n,
    windowDays: 30,
    given: 70n,
    returned: 10n,
    perDay: 2,
  });
  const young = { ...numbers, firstSeenAt: new Date(now.getTime() - 10.5 * day), given: 40n, returned: 0n };
  expect(forecast(young, now)).toMatchObject({
    windowDays: 10,
    perDay: 4,
    runsOutOn: new Date(now.getTime() + 5 * day),
  });
  expect(forecast({ ...numbers, available: 0n, given: 0n }, now)).toMatchObject({ runsOutOn: now, reason: null });
});

test('F14 where no day can be said the forecast says why', () => {
  const reasonOf = (more: Partial<typeof numbers>) => {
    const { runsOutOn, reason } = forecast({ ...numbers, ...more }, now);
    expect(runsOutOn).toBeNull();
    return reason;
  };
  expect(reasonOf({ pools: 0n })).toBe('NOT_HELD');
  expect(reasonOf({ unlimited: true })).toBe('UNLIMITED');
  expect(reasonOf({ firstSeenAt: new Date(now.getTime() - 6 * day) })).toBe('TOO_NEW');
  expect(reasonOf({ given: 10n })).toBe('NOT_RISING');
  expect(reasonOf({ available: 1_000_000n })).toBe('FAR_AWAY');
});

let world: World;
let own: bigint;
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
});
afterAll(() => world.close());

test('F14 what was given and came back is counted from the ledger of the last 30 days; what was there before is not', async () => {
  const app = await giveApp(world, own, { total: 100 });
  await associate(world, app, await makeDevices(world, 5));
  await world.settle();
  await world.clock.advance(31 * day);
  const devices = await makeDevices(world, 12);
  await associate(world, app, devices);
  await world.settle();
  await revoke(world, app, devices.slice(0, 3));
  await world.settle();
  const [found] = await readForecasts(
    preparedRows(world.database.pool),
    world.organizationId,
    [app.id],
    world.clock.now(),
  );
  expect(found).toMatchObject({ given: 12n, returned: 3n, available: 86n, windowDays: 30, perDay: 0.3, reason: null });
});
