/** The order in which a sandbox comes up. @module */
import { join } from 'node:path';
import { isFree, portsToTry } from '../../db/embedded/ports.ts';
import { applyMigrations } from '../../db/migrate.ts';
import { systemClock } from '../../lib/clock.ts';
import { banner } from './banner.ts';
import { connectDevices } from './connect-devices.ts';
import { openDatabase } from './database.ts';
import { takeLock } from './lock.ts';
import type { PreparedSandbox, ProgramName, SupervisorOptions, SupervisorParts } from './options.ts';
import { writeSandboxFile } from './sandbox-file.ts';
import type { ReadyMessage } from './supervised-process.ts';

/** Who keeps what was brought up. */
export interface Keeper {
  remember(undo: () => Promise<void> | void): void;
  launch(name: ProgramName, parameters: string[], environment: Record<string, string>): Promise<ReadyMessage>;
  abandon(reason: string): void;
}

/** Lock, database, simulator, first key, then worker and API; at last the banner. */
export async function startSandbox(options: SupervisorOptions, parts: SupervisorParts, keeper: Keeper): Promise<void> {
  const began = performance.now();
  const { dataDirectory, host, port } = options;
  const { logger } = parts;
  const graphqlUrl = `http://${hostFromHere(host)}:${port}/graphql`;
  keeper.remember(takeLock(join(dataDirectory, 'russet.lock'), { graphqlUrl, since: systemClock.now() }));
  await refuseTakenPort(host, port);
  const database = await bringUpDatabase(options, parts, keeper);
  const simulatorUrl = await launchSimulator(options, keeper);
  const prepared = await parts.prepareSandbox({ databaseUrl: database.url, dataDirectory, simulatorUrl, logger });
  const { apiKey, created, tokenFile } = prepared;
  // Before anything else can fail: the next start looks here for the key that this one made.
  const sandboxFile = writeSandboxFile(dataDirectory, { graphqlUrl, apiKey, tokenFile, simulatorUrl });
  await launchServices(environmentOf(options, database.url, simulatorUrl, prepared), keeper);
  await connectDevices({ graphqlUrl, apiKey, simulatorUrl, dataDirectory, logger });
  parts.print(
    banner({
      ...{ graphqlUrl, simulatorUrl, apiKey, keyCreated: created, tokenFile, sandboxFile, database: database.place },
      logs: join(dataDirectory, 'logs'),
      took: performance.now() - began,
    }),
  );
}

/** How a program on this machine names the address the API listens on. */
function hostFromHere(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

async function refuseTakenPort(host: string, port: number): Promise<void> {
  if (await isFree(port, host)) return;
  throw new Error(
    `Port ${port} is taken by another program. Set PORT to use another one, e.g. PORT=${port + 1} npm start`,
  );
}

async function bringUpDatabase(options: SupervisorOptions, { logger }: SupervisorParts, keeper: Keeper) {
  const database = await openDatabase(options, logger);
  keeper.remember(database.stop);
  void database.lost.then(() =>
    keeper.abandon(`The database ended unexpectedly (${database.place}); everything is stopped.`),
  );
  const { applied } = await applyMigrations(database.url, options.migrations);
  if (applied.length > 0) logger.info({ applied }, 'migrations applied');
  return database;
}

/** Simulated devices that run in a sandbox: enough to see installs happen, few enough to watch. */
const sandboxDevices = 40;

async function launchSimulator({ simulatorPort, dataDirectory }: SupervisorOptions, keeper: Keeper): Promise<string> {
  for await (const port of portsToTry(simulatorPort, 20)) {
    const state = join(dataDirectory, 'simulator.json');
    const { url } = await keeper.launch(
      'simulator',
      ['--port', String(port), '--state-file', state, '--allow-http-notifications', '--fleet', String(sandboxDevices)],
      {},
    );
    return url ?? `http://127.0.0.1:${port}`;
  }
  throw new Error('No free port was found for the simulator.');
}

async function launchServices(environment: Record<string, string>, keeper: Keeper): Promise<void> {
  const launched = ['worker', 'api'] as const;
  const outcomes = await Promise.allSettled(launched.map((name) => keeper.launch(name, [], environment)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function environmentOf(
  { host, port, logLevel }: SupervisorOptions,
  databaseUrl: string,
  simulatorUrl: string,
  prepared: PreparedSandbox,
): Record<string, string> {
  return {
    RUSSET_MODE: 'sandbox',
    DATABASE_URL: databaseUrl,
    HOST: host,
    PORT: String(port),
    PUBLIC_URL: `http://${hostFromHere(host)}:${port}`,
    APPLE_BASE_URL: simulatorUrl,
    LOG_LEVEL: logLevel,
    ...prepared.environment,
  };
}
