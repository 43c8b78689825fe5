import { existsSync, writeFileSync } from 'node:fs';
import { Client } from 'pg';
import { systemClock } from '../../lib/clock.ts';
import type { Environment } from '../config/fields.ts';
import { newEncryptionKey } from '../new-key.ts';
import { StartError } from '../start-error.ts';

/**
 * Makes the key file when it is named and absent; never writes over one. Without a file the key is shown and nothing
 * else is done: a database must not be sealed with a key that nobody has kept.
 */
export async function ensureEncryptionKey(url: string, env: Environment): Promise<string> {
  if (env.ENCRYPTION_KEYS) return 'ENCRYPTION_KEYS is set.';
  const file = env.ENCRYPTION_KEYS_FILE;
  if (file && existsSync(file)) return `${file} is there.`;
  if (await isSealed(url)) {
    const where = file ? `${file} does not exist` : 'neither ENCRYPTION_KEYS nor ENCRYPTION_KEYS_FILE is set';
    throw new StartError(
      `This database is sealed with a key already, and ${where}. Bring the key back; a new one would open nothing. Nothing was done.`,
    );
  }
  const key = newEncryptionKey(systemClock.now());
  if (!file) {
    throw new StartError(
      `No encryption key is configured. Here is a new one; keep it in a safe place, apart from the backups of the database:\n\n` +
        `ENCRYPTION_KEYS=${key}\n\nSet it and run npm run setup again. Nothing else was done.`,
    );
  }
  writeFileSync(file, `${key}\n`, { mode: 0o600, flag: 'wx' });
  return `made, in ${file}. Keep a copy in a safe place, apart from the backups of the database: without it they open nothing.`;
}

/** Whether an earlier start has bound the database to a key. */
async function isSealed(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(`SELECT to_regclass('installation') IS NOT NULL AS present`);
    return rows[0].present && (await client.query('SELECT 1 FROM installation')).rows.length > 0;
  } finally {
    await client.end();
  }
}
