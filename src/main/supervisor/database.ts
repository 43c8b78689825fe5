import { createDatabase } from '../../db/embedded/create-database.ts';
import { startEmbeddedPostgres } from '../../db/embedded/start.ts';
import type { Logger } from '../../lib/logger.ts';
import type { SupervisorOptions } from './options.ts';

/** The database of one run. */
export interface RunningDatabase {
  url: string;
  /** Where it and its log `postgres.log` are, for a person. */
  place: string;
  /** Resolves when it ended by itself; never for a database of the user's own. */
  lost: Promise<void>;
  stop(): Promise<void>;
}

const databaseName = 'russet';

/** The user's own database when there is one, else the embedded PostgreSQL. */
export async function openDatabase(options: SupervisorOptions, logger: Logger): Promise<RunningDatabase> {
  const { databaseUrl, dataDirectory, postgresPort } = options;
  if (databaseUrl) {
    return { url: databaseUrl, place: 'DATABASE_URL', lost: new Promise(() => {}), stop: async () => {} };
  }
  const postgres = await startEmbeddedPostgres({ dataDirectory, port: postgresPort, logger });
  try {
    await createDatabase(postgres.adminUrl, databaseName);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
  return { url: postgres.url(databaseName), place: postgres.home, lost: postgres.exited, stop: postgres.stop };
}
