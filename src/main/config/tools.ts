/** Configuration of the commands that set up and look after an installation. @module */
import { z } from 'zod';
import type { EncryptionKey } from '../../domain/token/key-ring.ts';
import { ConfigError } from './config-error.ts';
import { type Environment, installationId, postgresUrl, readFields, requireFields } from './fields.ts';
import { readKeys } from './keys.ts';

const fields = z.object({ DATABASE_URL: postgresUrl });

/** What `npm run migrate` and `npm run admin` need. Throws {@link ConfigError}. */
export function readDatabaseUrl(env: Environment): string {
  return requireFields(fields, env).DATABASE_URL;
}

/** The name of the installation, or null when nobody gave it one. Throws {@link ConfigError}. */
export function readInstallationId(env: Environment): string | null {
  return requireFields(z.object({ INSTALLATION_ID: installationId.optional() }), env).INSTALLATION_ID ?? null;
}

/** What `npm run rotate-key` and a complete `npm run setup` need. Throws {@link ConfigError}. */
export function readKeyConfig(env: Environment): { databaseUrl: string; encryptionKeys: EncryptionKey[] } {
  const problems: string[] = [];
  const values = readFields(fields, env, problems);
  const encryptionKeys = readKeys(env, problems);
  if (values === undefined || problems.length > 0) throw new ConfigError(problems);
  return { databaseUrl: values.DATABASE_URL, encryptionKeys };
}
