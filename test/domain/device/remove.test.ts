import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { removeDevices } from '../../../src/domain/device/remove.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { eventually } from '../../support/eventually.ts';
import { createWorld, type World } from '../../support/world.ts';
import {
  associate,
  expectSound,
  giveApp,
  holdersAtApple,
  liveOf,
  makeDevices,
  revoke,
  taskOf,
} from '../license/support.ts';

let world: World;
let token: bigint;
beforeAll(async () => {
  world = await createWorld();
  token = await world.library('own');
});
afterEach(() => expectSound(world));
afterAll(() => world.close());

const remove = (deviceIds: bigint[], revokeToo?: boolean) =>
  removeDevices(world.admin, { target: { deviceIds }, ...(revokeToo === undefined ? {} : { revoke: revokeToo }) });
const read = (id: bigint) => world.database.prisma.device.findFirstOrThrow({ where: { id } });

test('devices without licenses are removed, and can come back as the same ones', async () => {
  const devices = await makeDevices(world, 2);
  expect(await remove(devices)).toEqual({ removed: 2, taskId: null });
  await expect(remove(devices)).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE', count: 2 });
  const { serialNumber } = await read(devices[0]!);
  expect((await upsertDevices(world.admin, { devices: [{ serialNumber }] })).deviceIds).toEqual([devices[0]]);
});

test('a device that holds a license stays, unless its licenses are to be taken back too', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 3);
  await associate(world, app, devices.slice(0, 2));
  await world.settle();
  await expect(remove(devices)).rejects.toMatchObject({ code: 'DEVICE_HOLDS_LICENSES', licenses: 2n });
  expect((await read(devices[2]!)).removedAt).toBeNull();
  const { removed, taskId } = await remove(devices, true);
  expect(removed).toBe(3);
  await world.settle();
  expect(await taskOf(world, taskId!)).toMatchObject({ kind: 'REVOKE', outcome: 'ALL', completed: 2n });
  expect(await holdersAtApple(world, token, app)).toEqual([]);
});

test('a request that Apple has not heard of is cancelled with the device', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 1);
  const given = await associate(world, app, devices);
  await remove(devices, true);
  expect(await taskOf(world, given)).toMatchObject({ outcome: 'NONE', failed: 1n });
});

test('a license that is just being taken back keeps nobody', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 1);
  await associate(world, app, devices);
  await world.settle();
  await revoke(world, app, devices);
  expect(await remove(devices)).toEqual({ removed: 1, taskId: null });
  await world.settle();
});

test('an irrevocable license keeps its device', async () => {
  const app = await giveApp(world, token, { revocable: false });
  const devices = await makeDevices(world, 1);
  await associate(world, app, devices);
  await world.settle();
  await expect(remove(devices, true)).rejects.toMatchObject({ code: 'NOT_REVOCABLE' });
  expect((await read(devices[0]!)).removedAt).toBeNull();
});

test('removing and licensing the same devices at once: never a removed device that holds a license', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 30);
  await Promise.allSettled(devices.flatMap((device) => [remove([device]), associate(world, app, [device])]));
  const removed = await world.database.prisma.device.findMany({
    where: { id: { in: devices }, removedAt: { not: null } },
  });
  const holders = new Set((await liveOf(world, app)).map((license) => license.deviceId));
  expect(removed.filter((device) => holders.has(device.id))).toEqual([]);
  expect(removed.length + holders.size).toBe(30);
  await world.settle();
});

test('a device that is being removed right now gets no license: the request waits, and finds it gone', async () => {
  const app = await giveApp(world, token);
  const [device] = await makeDevices(world, 1);
  const client = await world.database.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM device WHERE id = $1 FOR UPDATE', [device]);
    await client.query('UPDATE device SET removed_at = now() WHERE id = $1', [device]);
    const request = associate(world, app, [device!]);
    const waits = async () =>
      (
        await world.database.pool.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rows.length > 0;
    await Promise.all([
      expect(request).rejects.toMatchObject({ code: 'UNKNOWN_DEVICE' }),
      eventually(waits).then(() => client.query('COMMIT')),
    ]);
  } finally {
    client.release();
  }
  expect(await liveOf(world, app)).toEqual([]);
});

test('taking licenses back needs the right for it; G18 the removal leaves one entry', async () => {
  const app = await giveApp(world, token);
  const devices = await makeDevices(world, 1);
  await associate(world, app, devices);
  await world.settle();
  const clerk = world.as('ADMINISTRATOR', { scopes: ['devices:write'] });
  const input = { target: { deviceIds: devices }, revoke: true };
  await expect(removeDevices(clerk, input)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(removeDevices(world.as('EMPLOYEE'), input)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const before = await world.database.prisma.auditEntry.count({ where: { action: 'device.remove' } });
  const { taskId } = await removeDevices(world.admin, input);
  const entries = await world.database.prisma.auditEntry.findMany({
    where: { action: 'device.remove' },
    orderBy: { id: 'desc' },
  });
  expect(entries).toHaveLength(before + 1);
  expect(entries[0]).toMatchObject({ taskId, data: { removed: 1, revoked: true } });
  await world.settle();
});
