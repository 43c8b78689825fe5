/** Builds what a process owns. The only place that chooses drivers. @module */

import { createAppleLibrary } from '../apple/library.ts';
import { type Database, openDatabase } from '../db/client.ts';
import type { Failpoint, Services } from '../domain/context.ts';
import { createSharedPause } from '../domain/installation/apple-pause.ts';
import { markDatabase } from '../domain/installation/marker.ts';
import { openInstallation } from '../domain/installation/open.ts';
import { createSecretBox, type SecretBox } from '../domain/token/secret-box.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { createNanoMdm } from '../mdm/nanomdm/client.ts';
import type { Config } from './config.ts';
import { createMetadataSource } from './metadata-source.ts';
import { requireCurrentDatabase } from './reach-database.ts';

/** A process's services and the database under them. */
export interface Built {
  database: Database;
  services: Services;
}

/**
 * Opens the database and builds the drivers. `name` is the process's, in logs and in the database. Throws when the
 * database is not up to date, or when its secrets can't be opened with the configured keys.
 */
export async function buildServices(config: Config, name: string): Promise<Built> {
  const logger = createLogger({ level: config.logLevel, name });
  logger.info({ mode: config.mode, apple: new URL(config.appleBaseUrl).host }, `${name} starts`);
  await requireCurrentDatabase(config.databaseUrl);
  const database = openDatabase({
    url: config.databaseUrl,
    connections: config.databaseConnections,
    logger,
    name: `russet ${name}`,
  });
  try {
    const services = assemble(config, database, logger, await openSecretBox(config, database));
    await tellMarker(services);
    return { database, services };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Whose database it is, where that is not as it should be. */
async function tellMarker(services: Services): Promise<void> {
  const marker = await markDatabase(services);
  if (marker === 'FOREIGN') {
    services.logger.error(
      { installationId: services.settings.installationId },
      'this database belongs to another installation: nothing is written to Apple until INSTALLATION_ID is the right one, or an administrator confirms that it is a copy which takes over (npm run admin -- adopt-database)',
    );
  } else if (marker === 'UNMARKED' && services.settings.mode === 'PRODUCTION') {
    services.logger.warn(
      {},
      'INSTALLATION_ID is not set: a copy of this database would write to Apple as if it were this one',
    );
  }
}

async function openSecretBox(config: Config, { prisma }: Database): Promise<SecretBox> {
  const { ring, secret } = await openInstallation({ prisma, clock: systemClock }, config.encryptionKeys);
  return createSecretBox(ring, secret);
}

function assemble(config: Config, { prisma, pool }: Database, logger: Logger, secrets: SecretBox): Services {
  const pauseOf = (host: string) => createSharedPause({ prisma }, host);
  const apple = createAppleLibrary({ baseUrl: config.appleBaseUrl, clock: systemClock, logger, pauseOf });
  return {
    prisma,
    pool,
    clock: systemClock,
    logger,
    apple,
    metadata: createMetadataSource(
      config.metadata,
      { clock: systemClock, logger, pause: pauseOf(`metadata:${config.metadata.source}`) },
      apple.metadataLookupUrl,
    ),
    mdm: createNanoMdm({ logger }),
    secrets,
    settings: config.settings,
    failpoint: failpointOf(config.failpoint),
  };
}

/** Ends the process the hard way at a named point, the nth time it comes there. */
function failpointOf(chosen: Config['failpoint']): (point: Failpoint) => void {
  if (!chosen) return () => {};
  let left = chosen.hits;
  return (point) => {
    if (point === chosen.point && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
