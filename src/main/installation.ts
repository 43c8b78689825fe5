import type { Database } from '../db/client.ts';
import { moment, sql, transaction } from '../db/transaction.ts';
import type { Services } from '../domain/context.ts';

/** The configured key is not the one that the secrets in this database were sealed with. */
export class WrongKeyError extends Error {
  override readonly name = 'WrongKeyError';
  constructor() {
    super(
      'The encryption key does not belong to this database: its secrets could not be opened. Configure the key that was used before (ENCRYPTION_KEYS), or the database that belongs to this key (DATABASE_URL).',
    );
  }
}

/** Ties the key to the database at the first start, and refuses another one ever after. */
export async function checkKey(
  database: Pick<Database, 'prisma'>,
  services: Pick<Services, 'secrets' | 'clock'>,
): Promise<void> {
  const fingerprint = services.secrets.fingerprint;
  const stored = await transaction(database, async (tx) => {
    await tx.$executeRaw(sql`
      INSERT INTO installation (id, key_fingerprint, created_at) VALUES (1, ${fingerprint}, ${moment(services.clock.now())}) ON CONFLICT (id) DO NOTHING`);
    return tx.installation.findUniqueOrThrow({ where: { id: 1 } });
  });
  if (stored.keyFingerprint !== fingerprint) throw new WrongKeyError();
}
