/** `npm run setup`: from an empty database to the first API key. What is there already is left alone. @module */
import { openDatabase } from '../db/client.ts';
import { applyMigrations } from '../db/migrate.ts';
import { openInstallation } from '../domain/installation/open.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { describeOptions, readOptions } from './command-line.ts';
import { readDatabaseUrl, readInstallationId, readKeyConfig } from './config/tools.ts';
import { runCommand } from './process.ts';
import { migrationsDirectory, reachDatabase } from './reach-database.ts';
import { ensureEncryptionKey } from './setup/encryption-key.ts';
import { ensureFirstKey } from './setup/first-key.ts';
import { ensureMarker } from './setup/installation-id.ts';

const options = {
  organization: { value: 'name', help: 'name of the first organization; "First organization" when absent' },
  'key-name': { value: 'name', help: 'name of its administrator\'s API key; "first administrator" when absent' },
};
const help = `Usage: npm run setup [-- options]

Makes the encryption key, applies the migrations, and makes the first organization with an administrator's API key. May be
run again: it says what is there and makes what is missing.

${describeOptions(options)}`;

await runCommand(async () => {
  const values = readOptions('npm run setup --', options, process.argv.slice(2));
  if (values === null) return console.log(help);
  const url = readDatabaseUrl(process.env);
  const installationId = readInstallationId(process.env);
  say('Encryption key', await reachDatabase(url, () => ensureEncryptionKey(url, process.env)));
  const { encryptionKeys } = readKeyConfig(process.env);
  const { applied } = await reachDatabase(url, () => applyMigrations(url, migrationsDirectory));
  say('Database', applied.length > 0 ? `${applied.join(', ')} applied.` : 'up to date already.');
  const { prisma, close } = openDatabase({ url, connections: 2, logger: silentLogger, name: 'russet setup' });
  try {
    const services = { prisma, clock: systemClock };
    const { ring } = await openInstallation(services, encryptionKeys);
    say('Secrets', `sealed with "${ring.ids[0]}".`);
    say('Installation', await ensureMarker(prisma, installationId));
    const { organization = 'First organization', 'key-name': name = 'first administrator' } = values;
    for (const [what, how] of await ensureFirstKey(services, { organization, name })) say(what, how);
  } finally {
    await close();
  }
  console.log('\nNext: npm run start:api and npm run start:worker, with the same settings.');
});

function say(what: string, how: string): void {
  console.log(`${what.padEnd(14)}  ${how}`);
}
