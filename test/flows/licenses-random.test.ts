/** One seeded day of a library: whatever happens on both sides, the ledger, the pools and Apple's truth agree at its end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { cancelTask } from '../../src/domain/task/cancel.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import {
  associate,
  expectSound,
  giveApp,
  makeDevices,
  revoke,
  type TestApp,
  uIdOf,
} from '../domain/license/support.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let token: bigint;
let uId: string;
let apps: TestApp[];
let devices: bigint[];
let serials: string[];
beforeAll(async () => {
  world = await createWorld({
    simulator: { limits: { maxSerialNumbers: 50, maxAssets: 3, maxRequestPerSecond: 10_000_000 } },
  });
  token = await world.library('own');
  uId = await uIdOf(world, token);
  apps = [];
  for (let at = 0; at < 5; at++) apps.push(await giveApp(world, token, { total: 80 }));
  devices = await makeDevices(world, 150);
  const rows = await world.database.prisma.device.findMany({ where: { id: { in: devices } } });
  serials = rows.map((row) => row.serialNumber);
});
afterAll(() => world.close());

const part = <T>(random: Random, items: readonly T[], most: number): T[] => {
  const start = random.integer(items.length);
  return items.slice(start, start + 1 + random.integer(most));
};

/** Somebody else at Apple gives or takes a seat, or seats are bought or refunded. */
function elsewhere(random: Random): void {
  const { adamId } = random.pick(apps);
  const serialNumber = random.pick(serials);
  const { admin } = world.simulator;
  const held = admin
    .truth({ uId })
    .assignments.some((row) => row.adamId === adamId && row.serialNumber === serialNumber);
  const asset = admin.truth({ uId }).assets.find((one) => one.adamId === adamId)!;
  if (random.next() < 0.3) admin.purchase({ uId, adamId, count: random.integer(21) - 10 });
  else if (held) admin.unassign({ uId, adamId, serialNumber });
  else if (asset.available > 0) admin.assign({ uId, adamId, serialNumber });
}

async function step(random: Random): Promise<void> {
  const what = random.next();
  if (what < 0.3) await associate(world, part(random, apps, 3), part(random, devices, 60), { onError: 'SKIP_FAILED' });
  else if (what < 0.5)
    await revoke(world, part(random, apps, 3), part(random, devices, 60), { onError: 'SKIP_FAILED' });
  else if (what < 0.55) await cancelLast();
  else if (what < 0.75) elsewhere(random);
  else if (what < 0.77) await syncLicenses(world.admin, {});
  else if (what < 0.9) await world.clock.advance(300);
  else await world.work();
}

async function cancelLast(): Promise<void> {
  const { id } = await world.database.prisma.task.findFirstOrThrow({ orderBy: { id: 'desc' } });
  await cancelTask(world.admin, { taskId: id });
}

async function syncAll(): Promise<void> {
  await world.settle(1_000);
  await syncLicenses(world.admin, {});
  await world.settle(1_000);
}

const operations = 150;

for (const seed of [7]) {
  test(`F13 after ${operations} random operations (seed ${seed}) the sum of the ledger, the pools and Apple's counts are the same`, async () => {
    const random = createRandom(seed);
    const before = await world.database.prisma.ledger.count();
    for (let at = 0; at < operations; at++) {
      await step(random).catch((error) => {
        if (!(error instanceof DomainError)) throw error;
      });
    }
    // A license that changed while a sync was reading is judged by the next one.
    await syncAll();
    await syncAll();
    await expectSound(world);
    expect((await world.database.prisma.ledger.count()) - before).toBeGreaterThan(1_500);
  }, 60_000);
}
