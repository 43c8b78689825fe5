/** `npm run rotate-key`: seals every secret with the first key of the list. @module */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openDatabase } from '../db/client.ts';
import { openInstallation } from '../domain/installation/open.ts';
import { rewrapSecrets, type Unopened } from '../domain/installation/rewrap.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { readKeyConfig } from './config/tools.ts';
import { newEncryptionKey } from './new-key.ts';
import { runCommand } from './process.ts';
import { reachDatabase, requireCurrentDatabase } from './reach-database.ts';
import { StartError, usageError } from './start-error.ts';

const help = `Usage: npm run rotate-key [-- --new-key]

Seals every secret of the database with the first key of ENCRYPTION_KEYS. API and workers may run, as long as all of them
have both keys. It can be stopped at any moment and started again. docs/operations.md has the whole procedure.

  --new-key   only prints a new key, to be put into ENCRYPTION_KEYS`;

await runCommand(async () => {
  const options = readOptions();
  if (options.help) return console.log(help);
  if (options['new-key']) return console.log(newEncryptionKey(systemClock.now()));
  const { databaseUrl: url, encryptionKeys } = readKeyConfig(process.env);
  await requireCurrentDatabase(url);
  const { prisma, close } = openDatabase({ url, connections: 2, logger: silentLogger, name: 'russet rotate-key' });
  try {
    await reachDatabase(url, async () => {
      const { ring } = await openInstallation({ prisma, clock: systemClock }, encryptionKeys);
      console.log(`Sealing everything with "${ring.ids[0]}".`);
      refuseUnopened(
        await rewrapSecrets(
          { prisma, clock: systemClock, correlationId: `rotate-key-${randomUUID()}` },
          ring,
          ({ rewrapped, left }) => console.log(`${rewrapped} secrets rewrapped, ${left} left`),
        ),
      );
      console.log(farewell(ring.ids));
    });
  } finally {
    await close();
  }
});

function readOptions(): { 'new-key'?: boolean; help?: boolean } {
  try {
    return parseArgs({ options: { 'new-key': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    throw usageError((error as Error).message, 'npm run rotate-key -- --help');
  }
}

function refuseUnopened(unopened: readonly Unopened[]): void {
  if (unopened.length === 0) return;
  const list = unopened.map(({ kind, id, reason }) => `  - ${kind} ${id}: ${reason}`).join('\n');
  throw new StartError(
    `${unopened.length} secrets could not be opened and stay as they are:\n${list}\nKeep all keys, renew these tokens and give the keys of these MDM servers again (updateMdm), then run it again.`,
  );
}

function farewell([first, ...others]: readonly string[]): string {
  const done = `Every secret is sealed with "${first}".`;
  if (others.length === 0) return `${done} It is the only key: nothing can be removed.`;
  const names = others.map((id) => `"${id}"`).join(', ');
  return `${done} Remove ${names} from ENCRYPTION_KEYS and restart API and workers. Keep it with the backups made until now: they need it.`;
}
