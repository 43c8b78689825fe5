import { createDatabase } from '../../src/db/embedded/create-database.ts';
import { startEmbeddedPostgres } from '../../src/db/embedded/start.ts';
import { applyMigrations } from '../../src/db/migrate.ts';
import { silentLogger } from '../../src/lib/logger.ts';

/** Runs `work` against a database that has just seen all migrations below `directory`, and throws it away. */
export async function withMigratedDatabase<T>(directory: string, work: (url: string) => Promise<T>): Promise<T> {
  const postgres = await startEmbeddedPostgres({ dataDirectory: '.data', durable: false, logger: silentLogger });
  try {
    await createDatabase(postgres.adminUrl, 'russet');
    await applyMigrations(postgres.url('russet'), directory);
    return await work(postgres.url('russet'));
  } finally {
    await postgres.stop();
  }
}
