/** What has to be true of the database before a program works with it. @module */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isConnectionLoss } from '../db/connection-loss.ts';
import { pendingMigrations } from '../db/migrate.ts';
import { StartError } from './start-error.ts';

/** Folder of the migrations, beside `src` and beside `dist`. */
export const migrationsDirectory = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** Refuses a database that lacks migrations, is too old, or can't be reached. Throws what says so. */
export async function requireCurrentDatabase(url: string): Promise<void> {
  const pending = await reachDatabase(url, () => pendingMigrations(url, migrationsDirectory));
  if (pending.length === 0) return;
  throw new StartError(`The database is not up to date: it lacks ${pending.join(', ')}. Run npm run migrate first.`);
}

/** Runs `work`; a server that can't be reached or does not let us in is told in one sentence. */
export async function reachDatabase<T>(url: string, work: () => Promise<T>): Promise<T> {
  if (!existsSync(migrationsDirectory)) throw new StartError(`The folder ${migrationsDirectory} is missing.`);
  try {
    return await work();
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined) throw error;
    const { host, pathname } = new URL(url);
    throw new StartError(
      `PostgreSQL at ${host}${pathname} can't be used: ${reason}. Check DATABASE_URL, and that the server runs.`,
      { cause: error },
    );
  }
}

/** Why there is no connection; undefined for any other failure. Class 28: no such user or password; 3D000: no such database. */
function refusalOf(error: unknown): string | undefined {
  // Node tries all addresses of a name and reports a list.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (!(first instanceof Error)) return undefined;
  const { code } = first as { code?: unknown };
  const refused = typeof code === 'string' && /^(28|3D000)/.test(code);
  return refused || isConnectionLoss(first) ? first.message : undefined;
}
