import { afterAll, beforeAll, expect, test } from 'vitest';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../src/domain/license/revoke.ts';
import { school } from '../../src/simulator/index.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test('F1 F12 the chain: token, sync, licenses for 250 devices, and back', async () => {
  await world.library('own');
  const devices = await world.devices();
  const iPads = devices
    .filter((device) => device.family === 'IPAD' && Number.parseInt(device.osVersion ?? '0', 10) >= 9)
    .slice(0, 250);
  const appId = await world.app(school.exactly300);
  const { taskIds } = await associateLicenses(world.admin, {
    appIds: [appId],
    target: { deviceIds: iPads.map((device) => device.id) },
  });
  await world.settle();
  const task = await world.database.prisma.task.findFirstOrThrow({ where: { id: taskIds[0]! } });
  expect(task).toMatchObject({ state: 'SUCCEEDED', outcome: 'ALL', requested: 250n, completed: 250n, failed: 0n });
  const pool = await world.database.prisma.licensePool.findFirstOrThrow({ where: { appId } });
  expect(pool).toMatchObject({ held: 250n, reserved: 0n, total: 300n });

  const revoke = await revokeLicenses(world.admin, {
    appIds: [appId],
    target: { deviceIds: iPads.map((device) => device.id) },
  });
  await world.settle();
  expect(await world.database.prisma.task.findFirstOrThrow({ where: { id: revoke.taskIds[0]! } })).toMatchObject({
    state: 'SUCCEEDED',
    outcome: 'ALL',
    completed: 250n,
  });
  expect(await world.database.prisma.licensePool.findFirstOrThrow({ where: { appId } })).toMatchObject({
    held: 0n,
    reserved: 0n,
  });
});
