import { preparedRows } from '../../db/rows.ts';
import { sql } from '../../db/transaction.ts';
import type { KeyActor, Role } from '../actor.ts';
import type { Services } from '../context.ts';
import { isScope } from './rights.ts';
import { hashSecretKey } from './secret-key.ts';

interface KeyRow {
  organizationId: bigint;
  id: bigint;
  name: string;
  role: Role;
  scopes: string[];
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

/** `lastUsedAt` of a key is written at most once in this many milliseconds. */
const usedEvery = 60_000;

/** A key that is good, and until when. */
export interface GoodKey {
  actor: KeyActor;
  /** Null for never. */
  expiresAt: Date | null;
}

/** Who a key belongs to; null when it is unknown, expired or revoked. The answer does not say which. */
export async function authenticate(
  services: Pick<Services, 'prisma' | 'pool' | 'clock'>,
  key: string,
): Promise<KeyActor | null> {
  return (await lookUpKey(services, key))?.actor ?? null;
}

/** The same with the end of the key. */
export async function lookUpKey(
  services: Pick<Services, 'prisma' | 'pool' | 'clock'>,
  key: string,
): Promise<GoodKey | null> {
  const hash = hashSecretKey(key);
  if (hash === null) return null;
  const [row] = await preparedRows(services.pool).rows<KeyRow>(sql`
    SELECT organization_id AS "organizationId", id, name, role, to_json(scopes) AS scopes, expires_at AS "expiresAt", revoked_at AS "revokedAt",
      last_used_at AS "lastUsedAt"
    FROM api_key WHERE hash = ${hash}`);
  const now = services.clock.now();
  if (!row || row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now)) return null;
  if (row.lastUsedAt === null || now.getTime() - row.lastUsedAt.getTime() >= usedEvery) {
    await services.prisma.apiKey.updateMany({
      where: { organizationId: row.organizationId, id: row.id },
      data: { lastUsedAt: now },
    });
  }
  const actor: KeyActor = {
    kind: 'API_KEY',
    organizationId: row.organizationId,
    apiKeyId: row.id,
    name: row.name,
    role: row.role,
    scopes: row.scopes.filter(isScope),
  };
  return { actor, expiresAt: row.expiresAt };
}
