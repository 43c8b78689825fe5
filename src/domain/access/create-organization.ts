import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Services } from '../context.ts';
import { organizationFields } from '../organization/settings.ts';
import { parseInput } from '../parse.ts';

const schema = z.object({ name: organizationFields.name, timeZone: organizationFields.timeZone.optional() });

/**
 * Makes an organization. Nobody is signed in yet: only the processes that set up an installation call it, and `origin`
 * says which.
 */
export async function createOrganization(
  services: Pick<Services, 'prisma' | 'clock'>,
  input: { name: string; timeZone?: string },
  origin: { by: string; correlationId: string } = { by: 'setup', correlationId: 'setup' },
): Promise<{ organizationId: bigint }> {
  const { name, timeZone } = parseInput(schema, input);
  return transaction(services, async (tx) => {
    const data = { name, createdAt: services.clock.now(), ...(timeZone === undefined ? {} : { timeZone }) };
    const row = await tx.organization.create({ data });
    await tx.organizationCounter.create({ data: { organizationId: row.id } });
    const actor = { kind: 'SYSTEM' as const, organizationId: row.id, name: origin.by };
    const context = { actor, clock: services.clock, correlationId: origin.correlationId };
    await recordAudit(context, tx, { action: 'organization.create', subject: `organization:${row.id}` });
    return { organizationId: row.id };
  });
}
