import { afterAll, beforeAll, expect, test } from 'vitest';
import { preparedRows } from '../../../src/db/rows.ts';
import { removeDevices } from '../../../src/domain/device/remove.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { setDeviceGroupMembers } from '../../../src/domain/device-group/members.ts';
import {
  countDevicesAsRuled,
  countDevicesOfGroups,
  listDevicesAsRuled,
  listDevicesOfGroups,
  readGroupsOfDevices,
} from '../../../src/domain/device-group/row.ts';
import { type DeviceRule, ruleSchema } from '../../../src/domain/device-group/rule.ts';
import { createDeviceGroup, deleteDeviceGroup, updateDeviceGroup } from '../../../src/domain/device-group/write.ts';
import { eventually } from '../../support/eventually.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  failuresOf,
  giveApp,
  liveOf,
  makeDevices,
  revoke,
  taskOf,
} from '../license/support.ts';

let world: World;
let own: bigint;
const window = { after: null, before: null, limit: 100, fromEnd: false };
beforeAll(async () => {
  world = await createWorld();
  own = await world.library('own');
});
afterAll(() => world.close());

const reader = () => preparedRows(world.database.pool);
const asRuled = async (rule: DeviceRule) =>
  (await listDevicesAsRuled(reader(), world.organizationId, rule, window))
    .map((device) => device.serialNumber)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
const inGroup = async (groupId: bigint) =>
  ((await listDevicesOfGroups(reader(), world.organizationId, [groupId], window)).get(groupId) ?? []).map(
    (device) => device.serialNumber,
  );

test('F11 a rule: versions compare number by number, names whatever the case, unknown is never as wanted; all parts must hold', async () => {
  await upsertDevices(world.admin, {
    devices: [
      { serialNumber: 'R841', family: 'IPAD', osVersion: '8.4.1', name: 'Cart A 1' },
      { serialNumber: 'R90', family: 'IPAD', osVersion: '9.0', name: 'cart a 2', supervised: true },
      { serialNumber: 'R100', family: 'IPHONE', osVersion: '10.0', name: 'Cart B 1', supervised: false },
      { serialNumber: 'R1741', family: 'IPAD', osVersion: '17.4.1 (21E236)', name: 'Lab', supervised: true },
      { serialNumber: 'R26', family: 'MAC', osVersion: '26', name: '100% cart' },
      { serialNumber: 'RNONE', family: 'IPAD' },
    ],
  });
  expect(await asRuled({ osVersionMin: '9' })).toEqual(['R26', 'R90', 'R100', 'R1741']);
  expect(await asRuled({ osVersionMin: '9.0.0' })).toEqual(['R26', 'R90', 'R100', 'R1741']);
  expect(await asRuled({ osVersionMin: '9.0.1' })).toEqual(['R26', 'R100', 'R1741']);
  expect(await asRuled({ osVersionMax: '9' })).toEqual(['R90', 'R841']);
  expect(await asRuled({ osVersionMax: '17' })).toEqual(['R90', 'R100', 'R841', 'R1741']);
  expect(await asRuled({ osVersionMax: '17.0' })).toEqual(['R90', 'R100', 'R841']);
  expect(await asRuled({ namePrefix: 'CART a' })).toEqual(['R90', 'R841']);
  expect(await asRuled({ namePrefix: '100%' })).toEqual(['R26']);
  expect(await asRuled({ supervised: true })).toEqual(['R90', 'R1741']);
  expect(await asRuled({ supervised: false })).toEqual(['R100']);
  expect(await asRuled({ families: ['IPHONE', 'MAC'] })).toEqual(['R26', 'R100']);
  expect(await asRuled({ families: ['IPAD'], osVersionMin: '9', supervised: true, namePrefix: 'l' })).toEqual([
    'R1741',
  ]);
  expect(await countDevicesAsRuled(reader(), world.organizationId, { osVersionMin: '9' })).toBe(4n);
});

test('F11 a rule outside the closed list is refused, and so is one that asks for nothing', () => {
  for (const rule of [{}, { supervised: null }, { model: 'iPad' }, { osVersionMin: '17.x' }, { families: ['TOASTER'] }])
    expect(ruleSchema.safeParse(rule).success, JSON.stringify(rule)).toBe(false);
  expect(ruleSchema.parse({ families: ['MAC'], namePrefix: null })).toEqual({ families: ['MAC'] });
});

test('F11 who is in a rule group is looked up whenever it is used: a renamed device leaves it, a removed one is in none', async () => {
  const groupId = await createDeviceGroup(world.admin, { name: 'Moving', rule: { namePrefix: 'move' } });
  await upsertDevices(world.admin, { devices: [{ serialNumber: 'M1', name: 'move 1' }, { serialNumber: 'M2' }] });
  expect(await inGroup(groupId)).toEqual(['M1']);
  await upsertDevices(world.admin, {
    devices: [
      { serialNumber: 'M1', name: 'stay' },
      { serialNumber: 'M2', name: 'Move 2' },
    ],
  });
  expect(await inGroup(groupId)).toEqual(['M2']);
  await updateDeviceGroup(world.admin, { groupId, rule: { namePrefix: 'stay' } });
  expect(await inGroup(groupId)).toEqual(['M1']);
  const { id } = await world.database.prisma.device.findFirstOrThrow({ where: { serialNumber: 'M1' } });
  expect(await readGroupsOfDevices(reader(), world.organizationId, [id])).toMatchObject([
    { name: 'Moving', deviceId: id },
  ]);
  await world.database.prisma.device.updateMany({ where: { id }, data: { removedAt: world.clock.now() } });
  expect(await inGroup(groupId)).toEqual([]);
  expect(await countDevicesOfGroups(reader(), world.organizationId, [groupId])).toEqual(new Map([[groupId, 0n]]));
});

test('F11 a list: replace, add, remove; an unknown device changes nothing; a rule group has no list; names are unique', async () => {
  const groupId = await createDeviceGroup(world.admin, { name: 'List' });
  const devices = await makeDevices(world, 4);
  const set = (deviceIds: bigint[], change?: 'ADD' | 'REMOVE') =>
    setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds }, change });
  expect(await set(devices.slice(0, 2))).toMatchObject({ added: 2, removed: 0 });
  expect(await set(devices.slice(1, 4), 'ADD')).toMatchObject({ added: 2, removed: 0 });
  expect(await set([devices[0]!, devices[1]!], 'REMOVE')).toMatchObject({ added: 0, removed: 2 });
  await expect(set([999_999n])).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE' });
  expect(await inGroup(groupId)).toHaveLength(2);
  expect(await set([])).toMatchObject({ removed: 2 });
  await expect(updateDeviceGroup(world.admin, { groupId, rule: { supervised: true } })).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
  const ruled = await createDeviceGroup(world.admin, { name: 'Ruled', rule: { supervised: true } });
  await expect(
    setDeviceGroupMembers(world.admin, { groupId: ruled, target: { deviceIds: devices } }),
  ).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  const named = await Promise.allSettled([1, 2].map(() => createDeviceGroup(world.admin, { name: 'Once' })));
  expect(named.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(named.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'INVALID_INPUT' } });
  await deleteDeviceGroup(world.admin, { groupId });
  await expect(set(devices)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('F11 who fills a list and who removes its devices wait for each other, and never in a circle', async () => {
  const groupId = await createDeviceGroup(world.admin, { name: 'Circle' });
  // The order of ids is the opposite of that of serial numbers.
  const deviceIds: bigint[] = [];
  for (const serialNumber of ['CIRCLE3', 'CIRCLE2', 'CIRCLE1'])
    deviceIds.push(...(await upsertDevices(world.admin, { devices: [{ serialNumber }] })).deviceIds);
  const waiting = async (count: number) => {
    const { rows } = await world.database.pool.query(
      `SELECT count(DISTINCT pid)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows[0].count === count;
  };
  const holder = await world.database.pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM device WHERE id = $1 FOR UPDATE', [String(deviceIds[1])]);
    const filled = setDeviceGroupMembers(world.admin, { groupId, target: { deviceIds } });
    expect(await eventually(() => waiting(1))).toBe(true);
    const removed = removeDevices(world.admin, { target: { deviceIds } });
    expect(await eventually(() => waiting(2))).toBe(true);
    await holder.query('COMMIT');
    const results = await Promise.allSettled([filled, removed]);
    expect(results.map((result) => (result.status === 'fulfilled' ? 'done' : String(result.reason)))).toEqual([
      'done',
      'done',
    ]);
  } finally {
    holder.release();
  }
});

test('F11 a group of somebody else is not found', async () => {
  const groupId = await createDeviceGroup(world.admin, { name: 'Mine' });
  const { id } = await world.database.prisma.organization.create({ data: { name: 'Other', createdAt: new Date() } });
  const other = world.as('ADMINISTRATOR', { organizationId: id });
  await expect(deleteDeviceGroup(other, { groupId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(updateDeviceGroup(other, { groupId, name: 'Theirs' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('F11 licenses go to the devices of a group and come back from them: those that are in it at that moment', async () => {
  const app = await giveApp(world, own);
  const groupId = await createDeviceGroup(world.admin, { name: 'Class', rule: { families: ['APPLE_TV'] } });
  const target = { deviceGroupId: groupId };
  await expect(associate(world, app, [], { target })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  const televisions = await makeDevices(world, 3, { family: 'APPLE_TV' });
  const tv = await giveApp(world, own, { supportedPlatforms: ['tvOS'] });
  const taskId = await associate(world, tv, [], { target, onError: 'SKIP_FAILED' });
  await makeDevices(world, 1, { family: 'APPLE_TV' });
  await world.settle();
  expect(await failuresOf(world, taskId)).toEqual([]);
  expect(await taskOf(world, taskId)).toMatchObject({ outcome: 'ALL', requested: 3n });
  expect(new Set((await liveOf(world, tv)).map((license) => license.deviceId))).toEqual(new Set(televisions));
  const back = await revoke(world, tv, [], { target, onError: 'SKIP_FAILED' });
  await world.settle();
  expect(await taskOf(world, back)).toMatchObject({ completed: 3n, failed: 1n });
  expect(await liveOf(world, tv)).toEqual([]);
  await expectSound(world);
});
