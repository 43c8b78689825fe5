/** Everything at once: people who give, take back, cancel, retry, remove and sync, and two workers, on the same few rows. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeDevices } from '../../src/domain/device/remove.ts';
import { upsertDevices } from '../../src/domain/device/upsert.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { associateLicenses } from '../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../src/domain/license/revoke.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { cancelTask } from '../../src/domain/task/cancel.ts';
import { retryTask } from '../../src/domain/task/retry.ts';
import { reorderTokens } from '../../src/domain/token/reorder.ts';
import { dueWork } from '../../src/domain/work/due.ts';
import { jobs } from '../../src/jobs/registry.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { expectSound, giveApp, makeDevices, type TestApp } from '../domain/license/support.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let tokens: bigint[];
let apps: TestApp[];
let devices: bigint[];
beforeAll(async () => {
  world = await createWorld({
    simulator: { limits: { maxSerialNumbers: 7, maxAssets: 2, maxRequestPerSecond: 10_000_000 } },
  });
  tokens = [await world.library('own'), await world.library('district')];
  apps = [];
  for (let at = 0; at < 4; at++) {
    const app = await giveApp(world, tokens[0]!, { total: 12 });
    apps.push(await giveApp(world, tokens[1]!, { adamId: app.adamId, total: 12 }));
  }
  devices = await makeDevices(world, 24);
});
afterAll(() => world.close());

const some = <T>(random: Random, items: readonly T[], most: number): T[] => {
  const chosen = new Set<T>();
  const count = 1 + Math.floor(random.next() * most);
  for (let at = 0; at < count; at++) chosen.add(random.pick(items));
  return [...chosen];
};

/** One thing that somebody does. */
async function act(random: Random): Promise<unknown> {
  const onError = random.next() < 0.5 ? ('ATOMIC' as const) : ('SKIP_FAILED' as const);
  const request = () => ({
    appIds: some(random, apps, 3).map((app) => app.id),
    target: { deviceIds: some(random, devices, 10) },
    onError,
  });
  const anyTask = async () => {
    const recent = await world.database.prisma.task.findMany({
      orderBy: { id: 'desc' },
      take: 12,
      select: { id: true },
    });
    return random.pick(recent).id;
  };
  const what = random.next();
  if (what < 0.35) return associateLicenses(world.admin, request());
  if (what < 0.65) return revokeLicenses(world.admin, request());
  if (what < 0.8) return cancelTask(world.admin, { taskId: await anyTask() });
  if (what < 0.87) return retryTask(world.admin, { taskId: await anyTask() });
  if (what < 0.91) return syncLicenses(world.admin, {});
  if (what < 0.94)
    return reorderTokens(world.admin, { tokenIds: random.next() < 0.5 ? tokens : [...tokens].reverse() });
  return replace(some(random, devices, 2));
}

/** Removes devices with their licenses, and lists them again. */
async function replace(deviceIds: bigint[]): Promise<void> {
  const rows = await world.database.prisma.device.findMany({ where: { id: { in: deviceIds } } });
  try {
    await removeDevices(world.admin, { target: { deviceIds }, revoke: true });
  } finally {
    await upsertDevices(world.admin, { devices: rows.map(({ serialNumber }) => ({ serialNumber })) });
  }
}

/** Does what is due, in an order of its own and without waiting for the other worker. */
async function workOnce(random: Random): Promise<void> {
  const due = await dueWork(world.services);
  for (const job of due.sort(() => random.next() - 0.5)) await jobs[job.name](world.services, job.payload, 'test');
}

/** Misfortunes at Apple, for one in so many calls. */
function disturb(): void {
  const { faults } = world.simulator.admin;
  for (const operation of ['associateAssets', 'disassociateAssets']) {
    faults.add({ match: { operation, probability: 0.05 }, fault: { kind: 'reset', when: 'before' } });
    faults.add({ match: { operation, probability: 0.05 }, fault: { kind: 'reset', when: 'after' } });
    faults.add({ match: { operation, probability: 0.05 }, fault: { kind: 'error', errorNumber: 9646, retryAfter: 1 } });
    faults.add({ match: { operation, probability: 0.1 }, fault: { kind: 'event', plan: { failAfter: 2 } } });
  }
  faults.add({ match: { operation: 'eventStatus', probability: 0.05 }, fault: { kind: 'error', errorNumber: 9708 } });
  faults.add({ match: { operation: 'getAssignments', probability: 0.05 }, fault: { kind: 'html' } });
}

for (const [seed, calm] of [
  [11, true],
  [22, false],
] as const) {
  test(`F12 F13 people and workers at once (seed ${seed}): no deadlock, no lost count, every task ends, the books balance`, async () => {
    const unexpected: unknown[] = [];
    if (!calm) disturb();
    let people = 6;
    const person = async (random: Random) => {
      for (let round = 0; round < 25; round++) {
        await act(random).catch((error) => error instanceof DomainError || unexpected.push(error));
      }
      people--;
    };
    const worker = async (random: Random) => {
      while (people > 0) {
        await workOnce(random).catch((error) => unexpected.push(error));
        await world.clock.advance(200);
      }
    };
    const starts = [...Array.from({ length: people }, () => person), worker, worker];
    await Promise.all(starts.map((start, at) => start(createRandom(seed * 100 + at))));
    expect(unexpected).toEqual([]);
    world.simulator.admin.faults.clear();
    await world.settle(1_000);
    await expectSound(world);
    const { rows } = await world.database.pool.query(
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(rows[0].deadlocks).toBe(0);
  }, 90_000);
}
