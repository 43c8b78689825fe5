import { startEmbeddedPostgres } from '../../src/db/embedded/start.ts';
import { silentLogger } from '../../src/lib/logger.ts';

/** A PostgreSQL for one run of the tests. */
export interface PostgresServer {
  /** Address of a database from which others can be made. */
  adminUrl: string;
  stop(): Promise<void>;
}

/** The server behind TEST_DATABASE_URL when it is set, else an embedded one that leaves nothing behind. */
export async function startPostgresServer(): Promise<PostgresServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { adminUrl: given, stop: async () => {} };
  return startEmbeddedPostgres({
    dataDirectory: '.data',
    durable: false,
    port: 21_432,
    maxConnections: 300,
    logger: silentLogger,
  });
}
