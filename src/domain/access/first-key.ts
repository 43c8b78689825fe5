import { transaction } from '../../db/transaction.ts';
import { scopes } from '../actor.ts';
import { recordAudit } from '../audit/record.ts';
import type { Services } from '../context.ts';
import { createOrganization } from './create-organization.ts';
import { hashSecretKey, newSecretKey } from './secret-key.ts';

const year = 365 * 86_400_000;

/** Makes an administrator's key with every right, for the first organization or a new one. Shown once; only its hash is kept. */
export async function createFirstKey(
  services: Pick<Services, 'prisma' | 'clock'>,
  input: { organization: string; name: string },
): Promise<string> {
  const existing = await services.prisma.organization.findFirst({
    where: { name: input.organization },
    orderBy: { id: 'asc' },
  });
  const organizationId =
    existing?.id ?? (await createOrganization(services, { name: input.organization })).organizationId;
  const key = newSecretKey();
  const now = services.clock.now();
  await transaction(services, async (tx) => {
    const row = await tx.apiKey.create({
      data: {
        organizationId,
        name: input.name,
        role: 'ADMINISTRATOR',
        scopes: [...scopes],
        hash: hashSecretKey(key)!,
        createdAt: now,
        expiresAt: new Date(now.getTime() + year),
      },
    });
    const actor = { kind: 'SYSTEM' as const, organizationId, name: 'setup' };
    await recordAudit({ actor, clock: services.clock, correlationId: 'setup' }, tx, {
      action: 'api-key.create',
      subject: `api-key:${row.id}`,
      data: { role: 'ADMINISTRATOR' },
    });
  });
  return key;
}
