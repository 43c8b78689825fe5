/** Brings the database's structure up to date, and tells whether it is. @module */
import { Client } from 'pg';
import { MigrationError } from './migration-errors.ts';
import { type MigrationFile, readMigrationFiles } from './migration-files.ts';
import { ensureMigrationTable, findPending, recordApplied, recordRolledBack } from './migration-table.ts';
import { isQueuePending, migrateQueue } from './queue-schema.ts';

/** Oldest PostgreSQL that Russet runs on. */
export const oldestPostgres = 15;

/** The lock that Prisma's engine takes for the same purpose. */
const migrationLock = 72707369;
/** Longest wait for another process that migrates, in milliseconds. */
const lockPatience = 60_000;

/** What {@link applyMigrations} did. */
export interface AppliedMigrations {
  /** Names of the migrations applied now, in order. */
  applied: string[];
}

/**
 * Applies what is missing: graphile-worker's tables first, because ours may refer to its functions, then the files
 * below `directory`, each in a transaction of its own. Processes that come at the same time wait for each other.
 *
 * @throws {MigrationError} with a message that says what to do
 */
export function applyMigrations(connectionString: string, directory: string): Promise<AppliedMigrations> {
  return withClient(connectionString, async (client) => {
    await requirePostgres(client);
    await lock(client);
    const pending = await findPending(client, readMigrationFiles(directory));
    if (await isQueuePending(client)) await migrateQueue(connectionString);
    await ensureMigrationTable(client);
    for (const file of pending) await apply(client, file);
    return { applied: pending.map((file) => file.name) };
  });
}

/**
 * What {@link applyMigrations} would do, without doing it: names of migrations, and `graphile_worker` for the queue's
 * own tables. Empty when the database is up to date.
 *
 * @throws {MigrationError} when the database can't be used with these files at all
 */
export function pendingMigrations(connectionString: string, directory: string): Promise<string[]> {
  return withClient(connectionString, async (client) => {
    await requirePostgres(client);
    const pending = await findPending(client, readMigrationFiles(directory));
    return [...((await isQueuePending(client)) ? ['graphile_worker'] : []), ...pending.map((file) => file.name)];
  });
}

async function withClient<T>(connectionString: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function requirePostgres(client: Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
  );
  refuseOldPostgres(rows[0].number, rows[0].version);
}

/** Refuses a server older than {@link oldestPostgres}. `versionNumber` is its `server_version_num`. */
export function refuseOldPostgres(versionNumber: number, version: string): void {
  if (versionNumber >= oldestPostgres * 10_000) return;
  throw new MigrationError(
    'POSTGRES_TOO_OLD',
    `Russet needs PostgreSQL ${oldestPostgres} or newer, and DATABASE_URL leads to ${version}. Upgrade the server or use another one.`,
  );
}

async function lock(client: Client): Promise<void> {
  try {
    await client.query(`SET lock_timeout = ${lockPatience}`);
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    await client.query('RESET lock_timeout');
  } catch (cause) {
    const message = `Another process has been migrating this database for ${lockPatience / 1000} s. Wait for it and try again.`;
    throw new MigrationError('MIGRATION_BUSY', message, [], { cause });
  }
}

async function apply(client: Client, file: MigrationFile): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(file.sql);
    await recordApplied(client, file);
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    const complaint = describe(cause, file);
    await recordRolledBack(client, file, complaint);
    const message = `Migration ${file.name} failed and was rolled back: ${complaint}. Nothing of it is left; correct the cause and run it again.`;
    throw new MigrationError('MIGRATION_FAILED', message, [file.name], { cause });
  }
}

function describe(cause: unknown, file: MigrationFile): string {
  if (!(cause instanceof Error)) return String(cause);
  const position = Number((cause as { position?: string }).position);
  if (!position) return cause.message;
  return `${cause.message} (line ${file.sql.slice(0, position).split('\n').length})`;
}
