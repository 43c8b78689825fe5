/**
 * A whole Russet in one process for flow tests: a database of its own, Apple's simulator on a real socket, the domain
 * with a virtual clock, and one function that does whatever is due.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { createAppleLibrary } from '../../src/apple/library.ts';
import { createLegacyLookup } from '../../src/apple/metadata/legacy-lookup.ts';
import { type Database, openDatabase } from '../../src/db/client.ts';
import { createOrganization } from '../../src/domain/access/create-organization.ts';
import { type KeyActor, type Role, scopes } from '../../src/domain/actor.ts';
import type { Context, Services, Settings } from '../../src/domain/context.ts';
import { upsertDevices } from '../../src/domain/device/upsert.ts';
import { createSharedPause } from '../../src/domain/installation/apple-pause.ts';
import { syncLicenses } from '../../src/domain/sync/start.ts';
import { createKeyRing } from '../../src/domain/token/key-ring.ts';
import { createSecretBox } from '../../src/domain/token/secret-box.ts';
import { uploadToken } from '../../src/domain/token/upload.ts';
import { dueWork } from '../../src/domain/work/due.ts';
import { jobs } from '../../src/jobs/registry.ts';
import { createVirtualClock, type VirtualClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createNanoMdm } from '../../src/mdm/nanomdm/client.ts';
import { createSimulator, type Simulator, schoolUnits } from '../../src/simulator/index.ts';
import { createTestDatabase } from './database.ts';
import { recordLocks } from './lock-recorder.ts';

export const testSettings: Settings = {
  mode: 'SANDBOX',
  holderName: 'Russet (test)',
  holderMetadata: 'test',
  publicUrl: null,
  checkWebhookEvery: 3_600_000,
  firstPollWhenLive: 300_000,
  firstPollAfter: 500,
  pollEvery: 500,
  pendingLimit: 600_000,
  lingerFor: 0,
  unknownOutcomeWait: 60_000,
  expiringDays: 30,
  renewalWait: 86_400_000,
  shortageWait: 30 * 86_400_000,
  metadataEvery: 86_400_000,
  metadataApps: 1_000,
  fullSyncEvery: 86_400_000,
  reconcileHour: null,
  taskEventDays: 30,
  taskDays: 396,
  planDays: 30,
  notificationDays: 396,
  idempotencyDays: 7,
  inventoryEvery: 86_400_000,
  informationEvery: 86_400_000,
  questionDeadline: 3 * 86_400_000,
  pushAgainAfter: 900_000,
  mostPushes: 5,
  deviceNewsDays: 7,
  deviceCommandDays: 90,
  noticeDays: [60, 30, 15, 7, 1],
  probeEvery: 21_600_000,
  installationId: null,
};

/** Files whose transactions are held to the order of locks. */
const recorded =
  /\/test\/domain\/(work|update|removal|install|task|command|deployment|reclaim|operation|device-news|device|vpp-user|seat|token|license)\//;

/** The world of one test file. */
export interface World {
  clock: VirtualClock;
  database: Database;
  simulator: Simulator;
  services: Services;
  /** A context of an administrator of the first organization. */
  admin: Context;
  organizationId: bigint;
  /** A context of somebody else, in this organization or a new one. */
  as(role: Role, options?: { organizationId?: bigint; scopes?: KeyActor['scopes'] }): Context;
  /** Does everything that is due at the clock's time, again and again until nothing is. Gives the number of jobs done. */
  work(): Promise<number>;
  /**
   * Works, and moves the clock by `step` milliseconds while a task is unfinished, at most `steps` times. Steps after which
   * nothing is due are taken at once.
   */
  settle(step?: number, steps?: number): Promise<void>;
  /** Uploads the simulator's token `name` and syncs it. */
  library(name?: string): Promise<bigint>;
  /** Adds the scenario's devices to the organization's list. */
  devices(count?: number): Promise<{ id: bigint; serialNumber: string; family: string; osVersion: string | null }[]>;
  /** Our id of the app with this adamId. */
  app(adamId: string): Promise<bigint>;
  close(): Promise<void>;
}

let nextKey = 1n;

/** Makes a world. `settings` and `simulator` override single choices. */
export async function createWorld(
  options: { settings?: Partial<Settings>; simulator?: Parameters<typeof createSimulator>[0] } = {},
): Promise<World> {
  const testDatabase = await createTestDatabase();
  const opened = openDatabase({ url: testDatabase.url, connections: 20, logger: silentLogger, name: 'test' });
  const database = recorded.test(expect.getState().testPath ?? '') ? recordLocks(opened) : opened;
  const clock = createVirtualClock(new Date('2026-11-24T08:00:00Z'));
  const simulator = createSimulator({
    clock,
    seed: 1,
    enforceRate: false,
    limits: { maxRequestPerSecond: 100_000 },
    ...options.simulator,
  });
  await simulator.listen(0);
  const pauseOf = (host: string) => createSharedPause(database, host);
  const apple = createAppleLibrary({ baseUrl: `${simulator.url}/mdm/v2`, clock, pauseOf });
  const services: Services = {
    prisma: database.prisma,
    pool: database.pool,
    clock,
    logger: silentLogger,
    apple,
    metadata: createLegacyLookup({ url: apple.metadataLookupUrl, clock }),
    mdm: createNanoMdm(),
    secrets: createSecretBox(createKeyRing([{ id: 'test', bytes: randomBytes(32) }]), randomBytes(32)),
    settings: { ...testSettings, ...options.settings },
    failpoint: () => {},
  };
  const { organizationId } = await createOrganization(services, { name: 'Test District' });

  const as: World['as'] = (role, { organizationId: other, scopes: some } = {}) => ({
    ...services,
    actor: {
      kind: 'API_KEY',
      organizationId: other ?? organizationId,
      apiKeyId: nextKey++,
      name: role,
      role,
      scopes: some ?? scopes,
    },
    correlationId: 'test',
  });
  const admin = as('ADMINISTRATOR');

  const work: World['work'] = async () => {
    let done = 0;
    for (let round = 0; round < 1_000; round++) {
      const due = await dueWork(services);
      if (due.length === 0) return done;
      for (const job of due) await jobs[job.name](services, job.payload, 'test');
      done += due.length;
    }
    throw new Error('there is always something due: a loop');
  };

  /** How many steps of the clock pass until something is due, at most `most`. What is due stays so, hence halving finds it. */
  const stepsUntilDue = async (step: number, most: number): Promise<number> => {
    const idleFor = async (steps: number) => {
      const then = new Date(clock.now().getTime() + steps * step);
      return (await dueWork({ ...services, clock: { ...clock, now: () => then } })).length === 0;
    };
    let [idle, due] = [0, 1];
    while (due < most && (await idleFor(due))) [idle, due] = [due, Math.min(due * 2, most)];
    while (due - idle > 1) {
      const middle = Math.floor((idle + due) / 2);
      if (await idleFor(middle)) idle = middle;
      else due = middle;
    }
    return due;
  };

  return {
    clock,
    database,
    simulator,
    services,
    admin,
    organizationId,
    as,
    work,
    settle: async (step = 500, steps = 400) => {
      for (let round = 0; round < steps; ) {
        await work();
        const open = await database.prisma.task.count({ where: { state: { in: ['QUEUED', 'RUNNING', 'WAITING'] } } });
        if (open === 0) return;
        const idle = await stepsUntilDue(step, steps - round);
        await clock.advance(step * idle);
        round += idle;
      }
      throw new Error('tasks did not end');
    },
    library: async (name = 'own') => {
      const { tokenId } = await uploadToken(admin, { file: simulator.admin.tokenFile(name), email: 'it@example.org' });
      const { syncs } = await syncLicenses(admin, { tokenIds: [tokenId] });
      for (let round = 0; round < 100; round++) {
        await work();
        const task = await database.prisma.task.findFirstOrThrow({ where: { id: syncs[0]!.taskId } });
        if (task.finishedAt) {
          if (task.state !== 'SUCCEEDED')
            throw new Error(`the sync of ${name} ended ${task.state}: ${JSON.stringify(task.cause)}`);
          return tokenId;
        }
        await clock.advance(1_000);
      }
      throw new Error('the sync did not end');
    },
    devices: async (count = 600) => {
      const devices = simulator.admin.devices().slice(0, count);
      await upsertDevices(admin, {
        devices: devices.map(({ serialNumber, family, model, osVersion, name }) => ({
          serialNumber,
          family,
          model,
          osVersion,
          name,
        })),
      });
      return database.prisma.device.findMany({
        where: {
          organizationId,
          origin: 'LIST',
          serialNumber: { in: devices.map((device) => device.serialNumber.toUpperCase()) },
        },
        orderBy: { id: 'asc' },
      });
    },
    app: async (adamId) =>
      (await database.prisma.app.findUniqueOrThrow({ where: { organizationId_adamId: { organizationId, adamId } } }))
        .id,
    close: async () => {
      await simulator.close();
      await database.close();
      await testDatabase.drop();
    },
  };
}

export { schoolUnits };
