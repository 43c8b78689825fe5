/**
 * Writes the next migration: the SQL that leads from a database with all migrations so far to `prisma/schema.prisma`.
 * What Prisma has no words for (checks, partial indexes, triggers) is added to the file by hand before it is committed.
 *
 * Usage: npm run migration:new -- <name>      or, to look at it only: npm run migration:new -- --print
 * @module
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withMigratedDatabase } from './lib/migrated-database.ts';
import { compareDatabaseWithSchema } from './lib/schema-engine.ts';

const directory = 'prisma/migrations';
const name = process.argv[2] ?? '';

if (!/^[a-z0-9_]+$/.test(name) && name !== '--print') {
  console.error('Give the migration a name of lower-case words, e.g. npm run migration:new -- add_device_groups');
  process.exit(1);
}

const { sql } = await withMigratedDatabase(directory, (url) => compareDatabaseWithSchema(url, 'prisma/schema.prisma'));

if (sql === '') console.log('The migrations already lead to prisma/schema.prisma: nothing to write.');
else if (name === '--print') console.log(sql);
else console.log(`Wrote ${write(sql)}. Read it before you commit it.`);

function write(content: string): string {
  mkdirSync(directory, { recursive: true });
  const folder = join(directory, `${nextNumber()}_${name}`);
  mkdirSync(folder);
  const path = join(folder, 'migration.sql');
  writeFileSync(path, content);
  return path;
}

function nextNumber(): string {
  const numbers = readdirSync(directory).map((folder) => Number.parseInt(folder, 10) || 0);
  return String(Math.max(0, ...numbers) + 1).padStart(4, '0');
}
