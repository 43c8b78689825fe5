/**
 * The installation's own secret: 32 random bytes, sealed like any other secret. Opening it proves that the keys are those
 * of this database, and it keys the marks of token files, so that any encryption key can be replaced.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { createKeyRing, type EncryptionKey, type KeyRing, keyIdOf } from '../token/key-ring.ts';
import { differentKey, missingKeys, unknownKey } from './wrong-key.ts';

/** What the secret is bound to. */
export const installationRow = 'installation:1';

/** The keys and the secret that they opened. */
export interface OpenInstallation {
  ring: KeyRing;
  secret: Uint8Array;
}

/**
 * Opens the installation's secret; the first call on a new database makes it. Throws {@link WrongKeyError} unless every
 * secret of the database can be opened with these keys.
 */
export async function openInstallation(
  services: Pick<Services, 'prisma' | 'clock'>,
  keys: readonly EncryptionKey[],
): Promise<OpenInstallation> {
  const ring = createKeyRing(keys);
  const jwe = (await storedSecret(services.prisma)) ?? (await makeSecret(services, ring, keys));
  await refuseMissingKeys(services, ring, jwe);
  return { ring, secret: Buffer.from(await openSecret(ring, jwe), 'base64url') };
}

async function storedSecret(tx: Tx): Promise<string | null> {
  return (await tx.installation.findUnique({ where: { id: 1 } }))?.secretJwe ?? null;
}

/** Processes that come at the same time wait for each other, and one of them makes it. */
function makeSecret(
  services: Pick<Services, 'prisma' | 'clock'>,
  ring: KeyRing,
  keys: readonly EncryptionKey[],
): Promise<string> {
  return transaction(services, async (tx) => {
    await tx.$executeRaw(sql`
      INSERT INTO installation (id, created_at) VALUES (1, ${moment(services.clock.now())}) ON CONFLICT (id) DO NOTHING`);
    await tx.$queryRaw(sql`SELECT 1 FROM installation WHERE id = 1 FOR UPDATE`);
    const row = await tx.installation.findUniqueOrThrow({ where: { id: 1 } });
    if (row.secretJwe !== null) return row.secretJwe;
    const bytes = row.keyFingerprint === null ? randomBytes(32) : provenKey(row.keyFingerprint, keys);
    const { jwe, keyId } = await ring.seal(Buffer.from(bytes).toString('base64url'), installationRow);
    await tx.installation.update({ where: { id: 1 }, data: { secretJwe: jwe, keyId, keyFingerprint: null } });
    return jwe;
  });
}

/** Before 0002 the oldest key itself keyed the marks: its bytes go on doing so. */
function provenKey(fingerprint: string, keys: readonly EncryptionKey[]): Uint8Array {
  const oldest = keys.at(-1)!.bytes;
  const own = createHash('sha256').update('russet key').update(oldest).digest('hex').slice(0, 32);
  if (own === fingerprint) return oldest;
  throw unknownKey(keys.map((key) => key.id));
}

/** A key that is missing is told at the start, and not when a token is needed at night. */
async function refuseMissingKeys(services: Pick<Services, 'prisma'>, ring: KeyRing, jwe: string): Promise<void> {
  const used = await services.prisma.token.groupBy({ by: ['keyId'], where: { secretJwe: { not: null } } });
  const ids = new Set([keyIdOf(jwe), ...used.flatMap(({ keyId }) => keyId ?? [])]);
  const missing = [...ids].filter((id) => !ring.ids.includes(id)).sort();
  if (missing.length > 0) throw missingKeys(missing, ring.ids);
}

async function openSecret(ring: KeyRing, jwe: string): Promise<string> {
  try {
    return await ring.open(jwe, installationRow);
  } catch {
    throw differentKey(keyIdOf(jwe));
  }
}
