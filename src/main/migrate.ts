/** `npm run migrate`: brings the database's structure up to date. @module */
import { parseArgs } from 'node:util';
import { applyMigrations, pendingMigrations } from '../db/migrate.ts';
import { readDatabaseUrl } from './config/tools.ts';
import { runCommand } from './process.ts';
import { migrationsDirectory, reachDatabase } from './reach-database.ts';
import { usageError } from './start-error.ts';

const help = `Usage: npm run migrate [-- --check]

Applies the migrations that the database of DATABASE_URL lacks, the job queue's among them. Several processes may try at
once: they wait for each other.

  --check   only says what is missing; exit code 1 when something is`;

await runCommand(async () => {
  const { check, help: wantsHelp } = readOptions();
  if (wantsHelp) return console.log(help);
  const url = readDatabaseUrl(process.env);
  const pending = await reachDatabase(url, () => pendingMigrations(url, migrationsDirectory));
  if (pending.length === 0) return console.log('The database is up to date.');
  if (check) {
    console.log(`Missing: ${pending.join(', ')}. Run npm run migrate.`);
    process.exitCode = 1;
    return;
  }
  await reachDatabase(url, () => applyMigrations(url, migrationsDirectory));
  for (const name of pending) console.log(`Applied ${name}.`);
  console.log('The database is up to date.');
});

function readOptions(): { check?: boolean; help?: boolean } {
  try {
    return parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw usageError((error as Error).message, 'npm run migrate -- --help');
  }
}
