/** Prisma's own record of migrations, so that its tools agree with our runner. @module */
import { randomUUID } from 'node:crypto';
import type { ClientBase } from 'pg';
import { MigrationError } from './migration-errors.ts';
import type { MigrationFile } from './migration-files.ts';

interface Row {
  migration_name: string;
  checksum: string;
  finished: boolean;
}

/** Makes the table when there is none. */
export async function ensureMigrationTable(client: ClientBase): Promise<void> {
  await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`);
}

/**
 * Those of `files` that the database does not have yet, in order.
 *
 * @throws {MigrationError} when the database and the files can't be brought together
 */
export async function findPending(client: ClientBase, files: MigrationFile[]): Promise<MigrationFile[]> {
  const recorded = await readRows(client);
  const unfinished = recorded.filter((row) => !row.finished).map((row) => row.migration_name);
  const known = new Map(files.map((file) => [file.name, file]));
  const unknown = recorded.filter((row) => !known.has(row.migration_name)).map((row) => row.migration_name);
  const edited = recorded.filter((row) => differs(row, known)).map((row) => row.migration_name);
  if (unfinished.length > 0) throw refusal.unfinished(unfinished);
  if (unknown.length > 0) throw refusal.unknown(unknown);
  if (edited.length > 0) throw refusal.edited(edited);
  const names = new Set(recorded.map((row) => row.migration_name));
  return files.filter((file) => !names.has(file.name));
}

/** Records that `file` was applied, in the transaction that applied it. */
export async function recordApplied(client: ClientBase, file: MigrationFile): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
    [randomUUID(), file.checksum, file.name],
  );
}

/** Records that `file` was tried and left nothing behind. */
export async function recordRolledBack(client: ClientBase, file: MigrationFile, logs: string): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, rolled_back_at) VALUES ($1, $2, $3, $4, now())`,
    [randomUUID(), file.checksum, file.name, logs],
  );
}

async function readRows(client: ClientBase): Promise<Row[]> {
  const { rows: tables } = await client.query(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present`);
  if (!tables[0].present) return [];
  const { rows } = await client.query<Row>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return rows;
}

function differs(row: Row, known: Map<string, MigrationFile>): boolean {
  const file = known.get(row.migration_name);
  return file !== undefined && file.checksum !== row.checksum;
}

const refusal = {
  unfinished: (names: string[]) =>
    new MigrationError(
      'MIGRATION_UNFINISHED',
      `Another tool began ${names.join(', ')} and did not finish. Look into the database, then mark the migration with "prisma migrate resolve".`,
      names,
    ),
  unknown: (names: string[]) =>
    new MigrationError(
      'MIGRATION_UNKNOWN',
      `The database has migrations that this version of Russet does not know: ${names.join(', ')}. Run the newer version.`,
      names,
    ),
  edited: (names: string[]) =>
    new MigrationError(
      'MIGRATION_EDITED',
      `Migrations were changed after they had been applied: ${names.join(', ')}. Restore the files and put the change into a new migration.`,
      names,
    ),
};
