import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type UpsertDevicesInput, upsertDevices } from '../../../src/domain/device/upsert.ts';
import { createWorld, type World } from '../../support/world.ts';
import { associate, giveApp, makeDevices } from '../license/support.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => world.clock.advance(1_000));
afterAll(() => world.close());

const upsert = (devices: UpsertDevicesInput['devices'], more: Partial<UpsertDevicesInput> = {}) =>
  upsertDevices(world.admin, { devices, ...more });
const read = (serialNumber: string) => world.database.prisma.device.findFirstOrThrow({ where: { serialNumber } });

test('a device is stored once, trimmed and in capitals, with the original beside it', async () => {
  const first = await upsert([
    { serialNumber: ' abc1 ', name: 'One', family: 'IPAD', model: 'iPad1,1', osVersion: '17.4' },
  ]);
  expect(first).toMatchObject({ created: 1, updated: 0, unchanged: 0, removed: 0 });
  const again = await upsert([{ serialNumber: 'ABC1' }]);
  expect(again).toMatchObject({ created: 0, updated: 0, unchanged: 1, deviceIds: first.deviceIds });
  expect(await read('ABC1')).toMatchObject({ serialOriginal: 'abc1', name: 'One', family: 'IPAD', osVersion: '17.4' });
});

test('an absent field is kept, null clears, and an empty text is none', async () => {
  await upsert([{ serialNumber: 'KEEP', name: 'One', family: 'MAC', model: 'Mac1,1', osVersion: '14.0' }]);
  expect(await upsert([{ serialNumber: 'KEEP', name: 'Two' }])).toMatchObject({ updated: 1 });
  expect(await read('KEEP')).toMatchObject({ name: 'Two', family: 'MAC', model: 'Mac1,1', osVersion: '14.0' });
  await upsert([{ serialNumber: 'KEEP', name: '  ', family: null, model: null, osVersion: null }]);
  expect(await read('KEEP')).toMatchObject({ name: null, family: 'UNKNOWN', model: null, osVersion: null });
});

test('only what changed gets a new time', async () => {
  await upsert([{ serialNumber: 'TIME1' }, { serialNumber: 'TIME2' }]);
  const before = await read('TIME1');
  await world.clock.advance(1_000);
  await upsert([{ serialNumber: 'TIME1' }, { serialNumber: 'TIME2', name: 'New' }]);
  expect((await read('TIME1')).updatedAt).toEqual(before.updatedAt);
  expect((await read('TIME2')).updatedAt).toEqual(world.clock.now());
});

test('wrong input names every problem and changes nothing', async () => {
  const wrong = [{ serialNumber: ' ' }, { serialNumber: '!' }, { serialNumber: 'BAD', osVersion: 'seventeen' }];
  await expect(upsert(wrong)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    issues: [
      { path: ['devices', '0', 'serialNumber'] },
      { path: ['devices', '1', 'serialNumber'] },
      { path: ['devices', '2', 'osVersion'] },
    ],
  });
  await expect(upsert([{ serialNumber: 'twice' }, { serialNumber: 'TWICE ' }])).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    issues: [{ path: ['devices', '1', 'serialNumber'] }],
  });
  expect(await world.database.prisma.device.count({ where: { serialNumber: { in: ['BAD', 'TWICE'] } } })).toBe(0);
});

test('a device that only a license named becomes one of the list', async () => {
  const { id } = await world.database.prisma.device.create({
    data: {
      organizationId: world.organizationId,
      serialNumber: 'MET',
      serialOriginal: 'MET',
      origin: 'LICENSE',
      createdAt: world.clock.now(),
      updatedAt: world.clock.now(),
    },
  });
  expect(await upsert([{ serialNumber: 'met' }])).toMatchObject({ created: 0, updated: 1, deviceIds: [id] });
  expect(await read('MET')).toMatchObject({ origin: 'LIST' });
});

test('replaceAll removes the others only when their exact number is confirmed', async () => {
  await world.database.prisma.device.updateMany({ where: { removedAt: null }, data: { removedAt: world.clock.now() } });
  await upsert([{ serialNumber: 'ALL1' }, { serialNumber: 'ALL2' }, { serialNumber: 'ALL3' }]);
  const rest = [{ serialNumber: 'ALL1' }, { serialNumber: 'ALL4' }];
  for (const confirmRemovals of [undefined, 1, 3]) {
    await expect(
      upsert(rest, { replaceAll: true, ...(confirmRemovals ? { confirmRemovals } : {}) }),
    ).rejects.toMatchObject({
      code: 'REMOVAL_NOT_CONFIRMED',
      wouldRemove: 2,
    });
  }
  expect(await world.database.prisma.device.count({ where: { serialNumber: 'ALL4' } })).toBe(0);
  expect(await upsert(rest, { replaceAll: true, confirmRemovals: 2 })).toMatchObject({
    created: 1,
    unchanged: 1,
    removed: 2,
  });
  const { id, removedAt } = await read('ALL2');
  expect(removedAt).not.toBeNull();
  expect(await upsert([{ serialNumber: 'ALL2' }])).toMatchObject({ updated: 1, deviceIds: [id] });
  expect((await read('ALL2')).removedAt).toBeNull();
});

test('replaceAll does not remove a device that holds a license', async () => {
  const token = await world.library('own');
  await world.database.prisma.device.updateMany({ where: { removedAt: null }, data: { removedAt: world.clock.now() } });
  await associate(world, await giveApp(world, token), await makeDevices(world, 1));
  await expect(upsert([{ serialNumber: 'OTHER' }], { replaceAll: true, confirmRemovals: 1 })).rejects.toMatchObject({
    code: 'DEVICE_HOLDS_LICENSES',
    licenses: 1n,
  });
  await world.settle();
});

test('two lists at once: each device once, and the counts add up', async () => {
  const list = Array.from({ length: 300 }, (_, at) => ({ serialNumber: `PAR${at}` }));
  const results = await Promise.all([upsert(list), upsert([...list].reverse()), upsert(list)]);
  expect(results.map((result) => result.created).sort()).toEqual([0, 0, 300]);
  expect(await world.database.prisma.device.count({ where: { serialNumber: { startsWith: 'PAR' } } })).toBe(300);
});

test('G18 one audit entry for each action, none for a refused one; only who may write devices may', async () => {
  const count = () => world.database.prisma.auditEntry.count({ where: { action: 'device.upsert' } });
  const before = await count();
  await expect(upsert([{ serialNumber: '' }])).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(upsertDevices(world.as('EMPLOYEE'), { devices: [] })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(await count()).toBe(before);
  await upsert([{ serialNumber: 'AUDIT' }]);
  expect(await count()).toBe(before + 1);
});
