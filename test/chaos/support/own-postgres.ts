/** A PostgreSQL of a test's own that can be crashed; what it has committed is on the disk. @module */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../../src/db/embedded/create-database.ts';
import { readPostmasterFile } from '../../../src/db/embedded/postmaster-file.ts';
import { startEmbeddedPostgres } from '../../../src/db/embedded/start.ts';
import { applyMigrations } from '../../../src/db/migrate.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import type { TestDatabase } from '../../support/database.ts';

/** A server with one migrated database. */
export interface OwnPostgres extends TestDatabase {
  /** Stops it the way an accident does, without a goodbye to anybody, and starts it again at the same address. */
  crash(): Promise<void>;
}

/** Starts the server. `drop` stops it and leaves nothing behind. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'russet-chaos-'));
  const start = (port: number) =>
    startEmbeddedPostgres({ dataDirectory, port, maxConnections: 100, logger: silentLogger });
  let server = await start(22_432);
  const url = server.url('chaos');
  await createDatabase(server.adminUrl, 'chaos');
  await applyMigrations(url, 'prisma/migrations');
  return {
    url,
    crash: async () => {
      const { port } = server;
      process.kill(readPostmasterFile(join(server.home, 'data'))!.pid, 'SIGQUIT');
      await server.exited;
      await server.stop();
      server = await start(port);
      if (server.port !== port) throw new Error(`port ${port} was taken meanwhile`);
    },
    drop: async () => {
      await server.stop();
      for (const path of [server.home, dataDirectory]) rmSync(path, { recursive: true, force: true });
    },
  };
}
