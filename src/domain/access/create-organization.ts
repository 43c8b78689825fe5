import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { organizationFields } from '../organization/settings.ts';
import { parseInput } from '../parse.ts';

const schema = z.object({ name: organizationFields.name, timeZone: organizationFields.timeZone.optional() });

/** Makes an organization. Nobody is signed in yet: only the processes that set up an installation call it. */
export async function createOrganization(
  services: Pick<Services, 'prisma' | 'clock'>,
  input: { name: string; timeZone?: string },
): Promise<{ organizationId: bigint }> {
  const { name, timeZone } = parseInput(schema, input);
  return transaction(services, async (tx) => {
    const data = { name, createdAt: services.clock.now(), ...(timeZone === undefined ? {} : { timeZone }) };
    const row = await tx.organization.create({ data });
    await tx.organizationCounter.create({ data: { organizationId: row.id } });
    return { organizationId: row.id };
  });
}
