/**
 * Russet as it runs: simulator, API and worker processes on real sockets over one database. The intervals are short, so
 * that what takes half a minute in production takes two seconds here.
 * @module
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openDatabase } from '../../src/db/client.ts';
import { createFirstKey } from '../../src/domain/access/first-key.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { type Child, startChild } from './process-child.ts';
import { type ApiClient, createApiClient } from './process-client.ts';
import { type SimulatorProcess, startSimulatorProcess } from './process-simulator.ts';

/** A running API and a client of it. */
export interface ApiProcess extends ApiClient {
  child: Child;
}

/** Everything that runs for one test file. */
export interface Processes {
  /** For looking at the rows. */
  db: pg.Pool;
  simulator: SimulatorProcess;
  /** Key of an administrator. */
  key: string;
  /** Starts an API; `env` on top of the short intervals. */
  api(env?: Record<string, string>): Promise<ApiProcess>;
  /** Starts a worker. */
  worker(env?: Record<string, string>): Promise<Child>;
  /** Starts a worker that may die before it is ready. */
  launchWorker(env?: Record<string, string>): Child;
  /** Kills the workers that still run. */
  killWorkers(): Promise<void>;
  /** What all processes have printed, ended ones too. */
  output(): string;
  /** Kills whatever still runs and drops the database. */
  close(): Promise<void>;
}

/** Seconds, by the names under which the processes know them. */
export const shortIntervals = {
  FIRST_POLL_SECONDS: '0.2',
  POLL_SECONDS: '0.2',
  UNKNOWN_OUTCOME_SECONDS: '1',
  WORKER_HEARTBEAT_SECONDS: '0.5',
  WORKER_DEAD_SECONDS: '2',
  WORKER_SWEEP_SECONDS: '1',
} as const;

/** Options of {@link startProcesses}. */
export interface ProcessesOptions {
  /** The simulator's command line. */
  simulator?: string[];
  /** A migrated database of the test's own; a new one unless said. */
  database?: TestDatabase;
  /** Folder of other programs than those of `npm run build`. */
  programs?: string;
  /** Environment of all APIs and workers, on top of the short intervals. */
  env?: Record<string, string>;
}

/** Starts a simulator over a new database; APIs and workers come as the test wants them. */
export async function startProcesses(options: ProcessesOptions = {}): Promise<Processes> {
  const database = options.database ?? (await createTestDatabase());
  const children: Child[] = [];
  const workers: Child[] = [];
  const db = new pg.Pool({ connectionString: database.url, max: 4, application_name: 'test' });
  db.on('error', () => {});

  async function close(): Promise<void> {
    await kill(children);
    await db.end();
    await database.drop();
  }

  try {
    const key = await makeKey(database.url);
    const simulator = await startSimulatorProcess(options.simulator);
    children.push(simulator.child);
    const environment = {
      RUSSET_MODE: 'sandbox',
      DATABASE_URL: database.url,
      PORT: '0',
      ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
      APPLE_BASE_URL: simulator.appleUrl,
      ...shortIntervals,
      ...options.env,
    };
    const launch = (file: 'main/api.js' | 'main/worker.js', env: Record<string, string> = {}) => {
      const child = startChild(file, { env: { ...environment, ...env }, programs: options.programs });
      children.push(child);
      if (file === 'main/worker.js') workers.push(child);
      return child;
    };
    const start = async (...given: Parameters<typeof launch>) => {
      const child = launch(...given);
      await child.ready;
      return child;
    };
    return {
      db,
      simulator,
      key,
      api: async (env) => {
        const child = await start('main/api.js', env);
        return { ...createApiClient(String((await child.ready).url), key), child };
      },
      worker: (env) => start('main/worker.js', env),
      launchWorker: (env) => launch('main/worker.js', env),
      killWorkers: () => kill(workers),
      output: () => children.map((child) => child.output()).join(''),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function kill(children: readonly Child[]): Promise<void> {
  const running = children.filter((child) => child.ended() === undefined);
  for (const child of running) child.signal('SIGKILL');
  await Promise.all(running.map((child) => child.exit));
}

async function makeKey(url: string): Promise<string> {
  const database = openDatabase({ url, connections: 2, logger: silentLogger, name: 'test setup' });
  try {
    const services = { prisma: database.prisma, clock: systemClock };
    return await createFirstKey(services, { organization: 'Test District', name: 'tests' });
  } finally {
    await database.close();
  }
}
