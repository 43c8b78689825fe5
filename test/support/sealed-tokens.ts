import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/client.ts';
import { secretRow } from '../../src/domain/token/exchange.ts';
import type { KeyRing } from '../../src/domain/token/key-ring.ts';

/** Adds tokens that lead nowhere, to have many secrets. Each is `secret <n>`. */
export async function addTokens(
  { prisma }: Pick<Database, 'prisma'>,
  organizationId: bigint,
  ring: Pick<KeyRing, 'seal'>,
  count: number,
): Promise<void> {
  const rows = Array.from({ length: count }, async (_, index) => {
    const mdmId = randomUUID();
    const { jwe, keyId } = await ring.seal(`secret ${index}`, secretRow(mdmId));
    return {
      ...{ organizationId, mdmId, uId: `unit-${index}`, secretJwe: jwe, keyId, label: `Library ${index}` },
      ...{ region: 'US', accountType: 'EDUCATION' as const, organizationName: 'Library', position: 1_000 + index },
      ...{ expiresAt: new Date('2030-01-01'), createdAt: new Date() },
    };
  });
  await prisma.token.createMany({ data: await Promise.all(rows) });
}
