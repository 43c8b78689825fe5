/**
 * One seeded day: a customer gives and takes back, others change things at Apple, Apple stumbles all the time, and two
 * worker processes do the work. Then it is quiet, two syncs pass, and what is there is judged.
 * @module
 */
import { createAppleLibrary } from '../../../src/apple/library.ts';
import type { Services } from '../../../src/domain/context.ts';
import { upsertDevices } from '../../../src/domain/device/upsert.ts';
import { DomainError } from '../../../src/domain/errors.ts';
import { createSharedPause } from '../../../src/domain/installation/apple-pause.ts';
import { associateLicenses } from '../../../src/domain/license/associate.ts';
import { revokeLicenses } from '../../../src/domain/license/revoke.ts';
import { syncLicenses } from '../../../src/domain/sync/start.ts';
import { cancelTask } from '../../../src/domain/task/cancel.ts';
import { dueWork } from '../../../src/domain/work/due.ts';
import { jobs } from '../../../src/jobs/registry.ts';
import { createRandom, type Random } from '../../../src/simulator/random.ts';
import { check } from '../../chaos/support/checker/index.ts';
import { some } from '../../chaos/support/seeds.ts';
import { nothingTold, type Told } from '../../chaos/support/told.ts';
import type { SimulatorProcess } from '../../support/process-simulator.ts';
import { createLiveWorld, type LiveWorld } from '../../support/webhooks.ts';
import type { World } from '../../support/world.ts';
import { endFaults, orderFaults } from './faults.ts';
import { callsTooEarly, countWrites } from './journal-rules.ts';
import { adamIds, libraries, scenario, serials, tokenNames } from './library.ts';

/** What became of a scenario. */
export interface Outcome {
  /** One sentence for each thing that is wrong. */
  found: string[];
  /** Writes that were sent, and those of them that Apple took. */
  writes: { sent: number; confirmed: number };
  /** Requests that met a fault. */
  met: number;
  /** Notifications that came and were applied. */
  heard: number;
}

interface Play {
  world: LiveWorld;
  random: Random;
  told: Told;
  appIds: bigint[];
  processes: Services[];
}

/** Plays the scenario of a seed, `steps` long. */
export async function playScenario(seed: number, steps = 60): Promise<Outcome> {
  const world = await createLiveWorld({
    simulator: { seed, pageSize: 5, limits: { maxRequestPerSecond: 50 }, eventBatchSize: 3 },
  });
  try {
    const play = await prepare(world, seed);
    orderFaults(world);
    for (let step = 0; step < steps; step++) await act(play);
    endFaults(world);
    await rest(play);
    for (let cycle = 0; cycle < 2; cycle++) {
      await world.clock.advance(1_000);
      await syncLicenses(world.admin, {});
      await rest(play);
    }
    return await judge(play, seed);
  } finally {
    await world.close();
  }
}

async function prepare(world: LiveWorld, seed: number): Promise<Play> {
  const { services, simulator } = world;
  simulator.admin.loadScenario({ scenario });
  services.metadata = { lookup: async () => [] };
  // Nobody else moves the time while a job waits for its slot.
  const clock = { now: world.clock.now, sleep: (milliseconds: number) => world.clock.advance(milliseconds) };
  Object.assign(services, { clock });
  Object.assign(world.admin, { clock });
  for (const name of tokenNames) await world.library(name);
  await upsertDevices(world.admin, {
    devices: serials.map((serialNumber) => ({ serialNumber, family: 'IPAD', osVersion: '17.4' })),
  });
  const appIds = await Promise.all(adamIds.map((adamId) => world.app(adamId)));
  const pauseOf = (host: string) => createSharedPause(services, host);
  const second = createAppleLibrary({ baseUrl: `${simulator.url}/mdm/v2`, clock: world.clock, pauseOf });
  const processes = [services, { ...services, apple: second }];
  return { world, random: createRandom(seed), told: nothingTold(), appIds, processes };
}

async function act(play: Play): Promise<void> {
  const { world, random } = play;
  const dice = random.next();
  try {
    if (dice < 0.3) await associateLicenses(world.admin, request(play, 6));
    else if (dice < 0.48) await revokeLicenses(world.admin, request(play, 8));
    else if (dice < 0.52) await cancelOne(play);
    else if (dice < 0.58) await syncLicenses(world.admin, {});
    else if (dice < 0.68) moveOutside(play);
    else if (dice < 0.8) await world.clock.advance(1 + random.integer(30_000));
    else await work(play);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
  }
}

function request({ random, appIds }: Play, most: number) {
  return {
    appIds: some(random, appIds, 1 + random.integer(2)),
    target: { serialNumbers: some(random, serials, 1 + random.integer(most)) },
    onError: random.next() < 0.3 ? ('ATOMIC' as const) : ('SKIP_FAILED' as const),
  };
}

async function cancelOne({ world, random }: Play): Promise<void> {
  const tasks = await world.database.prisma.task.findMany({ where: { finishedAt: null }, orderBy: { id: 'asc' } });
  if (tasks.length > 0) await cancelTask(world.admin, { taskId: random.pick(tasks).id });
}

/** Somebody buys, gives or takes back at Apple. */
function moveOutside({ world, random, told }: Play): void {
  const { admin } = world.simulator;
  const uId = random.pick(libraries);
  const adamId = random.pick(adamIds);
  if (random.next() < 0.3) {
    if (adamId !== adamIds[3]) admin.purchase({ uId, adamId, count: 1 + random.integer(3) });
    return;
  }
  const serialNumber = random.pick(serials);
  const { assets, assignments } = admin.truth({ uId });
  const held = assignments.some((row) => row.adamId === adamId && row.serialNumber === serialNumber);
  if (!held && assets.find((asset) => asset.adamId === adamId)!.available < 1) return;
  told.movedOutside.add(`${adamId} ${serialNumber}`);
  if (held) admin.unassign({ uId, adamId, serialNumber });
  else admin.assign({ uId, adamId, serialNumber });
}

/** Does what is due, each job in one of the processes. */
async function work({ world, random, processes }: Play): Promise<void> {
  for (let round = 0; round < 500; round++) {
    await world.simulator.admin.deliverDue();
    const due = await dueWork(world.services);
    if (due.length === 0) return;
    for (const job of due) await jobs[job.name](random.pick(processes), job.payload, 'scenario');
  }
  throw new Error('there is always something due: a loop');
}

async function rest(play: Play): Promise<void> {
  const { world } = play;
  for (let round = 0; round < 1_000; round++) {
    await work(play);
    const open = await world.database.prisma.task.count({ where: { finishedAt: null } });
    if (open === 0) return;
    await world.clock.advance(2_000);
  }
}

async function judge({ world, told }: Play, seed: number): Promise<Outcome> {
  const { admin } = world.simulator;
  const journal = admin.journal({});
  const simulator = {
    truth: async (uId: string) => admin.truth({ uId }),
    subscriptions: async (uId: string) => admin.subscriptions({ uId }),
    journal: async () => journal,
  } as unknown as SimulatorProcess;
  const db = world.database.pool;
  const found = await check({ seed: String(seed), simulator, db, told, libraries, outages: 'none' });
  return {
    found: [...found, ...callsTooEarly(journal).slice(0, 8), ...(await drifts(world))],
    writes: countWrites(journal, told.movedOutside),
    met: journal.filter((entry) => entry.faults?.length).length,
    heard: await world.database.prisma.notification.count({ where: { outcome: 'APPLIED' } }),
  };
}

/** Pools of which Apple's own number, as it was last read, is another one than ours. */
async function drifts({ database }: World): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>(
    `SELECT format('Pool %s (%s): %s held, and Apple says %s', id, adam_id, held, apple_assigned) AS text
     FROM license_pool WHERE gone_at IS NULL AND held <> apple_assigned`,
  );
  return rows.map((row) => row.text);
}
