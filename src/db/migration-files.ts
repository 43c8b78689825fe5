/** The migrations as files: `<directory>/<name>/migration.sql`, applied in the order of their names. @module */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One migration as it stands in the project. */
export interface MigrationFile {
  /** Name of its folder. */
  name: string;
  sql: string;
  /** SHA-256 of the file in hexadecimal digits, as Prisma computes it. */
  checksum: string;
}

/** Reads all migrations below `directory`, in order. */
export function readMigrationFiles(directory: string): MigrationFile[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => existsSync(join(directory, name, 'migration.sql')))
    .sort()
    .map((name) => readMigrationFile(directory, name));
}

function readMigrationFile(directory: string, name: string): MigrationFile {
  const content = readFileSync(join(directory, name, 'migration.sql'));
  return { name, sql: content.toString('utf8'), checksum: createHash('sha256').update(content).digest('hex') };
}
