/** What a sandbox needs to be usable at once: key file, organization, first key, a token to upload. @module */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDatabase } from '../db/client.ts';
import { authenticate } from '../domain/access/authenticate.ts';
import { createFirstKey } from '../domain/access/first-key.ts';
import { systemClock } from '../lib/clock.ts';
import type { PrepareSandbox } from './supervisor/options.ts';

/** Makes what is missing; what an earlier start made is found again. */
export const prepareSandbox: PrepareSandbox = async ({ databaseUrl, dataDirectory, simulatorUrl, logger }) => {
  mkdirSync(dataDirectory, { recursive: true });
  const keyFile = ensureFile(
    join(dataDirectory, 'encryption.key'),
    () => `sandbox:${randomBytes(32).toString('base64')}\n`,
  );
  const markerFile = ensureFile(join(dataDirectory, 'installation.id'), () => `sandbox-${randomUUID()}\n`);
  const database = openDatabase({ url: databaseUrl, connections: 2, logger, name: 'russet start' });
  try {
    const services = { prisma: database.prisma, pool: database.pool, clock: systemClock };
    const known = readApiKey(join(dataDirectory, 'sandbox.json'));
    const usable = known !== null && (await authenticate(services, known)) !== null;
    const apiKey = usable
      ? known
      : await createFirstKey(services, { organization: 'Sandbox School District', name: 'first administrator' });
    return {
      apiKey,
      created: !usable,
      tokenFile: await fetchTokenFile(simulatorUrl, resolve(dataDirectory)),
      environment: {
        ENCRYPTION_KEYS_FILE: resolve(keyFile),
        INSTALLATION_ID: readFileSync(markerFile, 'utf8').trim(),
        APPLE_BASE_URL: `${simulatorUrl}/mdm/v2`,
      },
    };
  } finally {
    await database.close();
  }
};

function ensureFile(path: string, content: () => string): string {
  if (!existsSync(path)) writeFileSync(path, content(), { mode: 0o600 });
  return path;
}

function readApiKey(path: string): string | null {
  if (!existsSync(path)) return null;
  try {
    const { apiKey } = JSON.parse(readFileSync(path, 'utf8')) as { apiKey?: unknown };
    return typeof apiKey === 'string' ? apiKey : null;
  } catch {
    return null;
  }
}

/** The simulator's tokens as files, for people to upload; the first one is named in the banner. */
async function fetchTokenFile(simulatorUrl: string, dataDirectory: string): Promise<string> {
  const folder = join(dataDirectory, 'tokens');
  mkdirSync(folder, { recursive: true });
  for (const name of ['own', 'district', 'expired', 'revoked', 'read-only', 'foreign', 'business']) {
    const response = await fetch(`${simulatorUrl}/_admin/tokenFile`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    const { text } = (await response.json()) as { text?: string };
    if (text) writeFileSync(join(folder, `${name}.vpptoken`), text, { mode: 0o600 });
  }
  return join(folder, 'own.vpptoken');
}
