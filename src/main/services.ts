/** Builds what a process owns. The only place that chooses drivers. @module */

import { createAppleLibrary } from '../apple/library.ts';
import { createLegacyLookup } from '../apple/metadata/legacy-lookup.ts';
import { type Database, openDatabase } from '../db/client.ts';
import type { Failpoint, Services } from '../domain/context.ts';
import { createSecretBox } from '../domain/token/secret-box.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../lib/logger.ts';
import type { Config } from './config.ts';

/** A process's services and the database under them. */
export interface Built {
  database: Database;
  services: Services;
}

/** Opens the database and builds the drivers. `name` is the process's, in logs and in the database. */
export function buildServices(config: Config, name: string): Built {
  const logger = createLogger({ level: config.logLevel, name });
  const database = openDatabase({
    url: config.databaseUrl,
    connections: config.databaseConnections,
    logger,
    name: `russet ${name}`,
  });
  const apple = createAppleLibrary({ baseUrl: config.appleBaseUrl, clock: systemClock, logger });
  const services: Services = {
    prisma: database.prisma,
    pool: database.pool,
    clock: systemClock,
    logger,
    apple,
    metadata: createLegacyLookup({ url: apple.metadataLookupUrl, clock: systemClock, logger }),
    secrets: createSecretBox(config.encryptionKeys),
    settings: config.settings,
    failpoint: failpointOf(config.failpoint),
  };
  logger.info({ mode: config.mode, apple: new URL(config.appleBaseUrl).host }, `${name} starts`);
  return { database, services };
}

/** Ends the process the hard way at a named point, the nth time it comes there. */
function failpointOf(chosen: Config['failpoint']): (point: Failpoint) => void {
  if (!chosen) return () => {};
  let left = chosen.hits;
  return (point) => {
    if (point === chosen.point && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
