import { afterAll, beforeAll, expect, test } from 'vitest';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { associationWarnings } from '../../../src/domain/license/warnings.ts';
import { plainApps } from '../../../src/simulator/index.ts';
import { createWorld, type World } from '../../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.library('own');
});
afterAll(() => world.close());

test('S4 a device whose system is not known is allowed, with a warning; a known one needs none', async () => {
  await upsertDevices(world.admin, {
    devices: [
      { serialNumber: 'KNOWN1', family: 'IPAD', osVersion: '17.0' },
      { serialNumber: 'UNKNOWN1', family: 'IPAD' },
    ],
  });
  const appIds = [await world.app(plainApps[3]!)];
  const both = await associateLicenses(world.admin, { appIds, target: { serialNumbers: ['known1 ', 'unknown1'] } });
  expect(await associationWarnings(world.admin, both.taskIds[0]!)).toEqual([
    expect.stringContaining('The system version of 1 device is not known'),
  ]);
  const other = [await world.app(plainApps[4]!)];
  const known = await associateLicenses(world.admin, { appIds: other, target: { serialNumbers: ['KNOWN1'] } });
  expect(await associationWarnings(world.admin, known.taskIds[0]!)).toEqual([]);
});
