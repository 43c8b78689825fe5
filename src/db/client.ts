import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import type { Logger } from '../lib/logger.ts';

/** One process's way to the database: Prisma and plain SQL on the same pool. */
export interface Database {
  prisma: PrismaClient;
  pool: pg.Pool;
  /** Address it was opened with, for connections of their own (LISTEN, heartbeat). */
  url: string;
  close(): Promise<void>;
}

/** Options of {@link openDatabase}. */
export interface DatabaseOptions {
  url: string;
  /** Most connections of this process. */
  connections: number;
  logger: Logger;
  /** Shown in pg_stat_activity. */
  name: string;
}

/** Opens the pool. Nothing is connected before the first statement. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connections,
    application_name: options.name,
    idleTimeoutMillis: 30_000,
  });
  // A connection that breaks while nobody uses it must not end the process.
  pool.on('error', (error) => options.logger.warn({ error }, 'an idle database connection was lost'));
  pool.on('connect', (client) => client.on('error', () => {}));
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { onPoolError: () => {}, onConnectionError: () => {} }),
  });
  return {
    prisma,
    pool,
    url: options.url,
    close: async () => {
      await prisma.$disconnect();
      if (!pool.ended) await pool.end();
    },
  };
}
