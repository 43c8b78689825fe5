import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { parseInput } from '../parse.ts';
import { organizationFields } from './settings.ts';

const schema = z.object({
  name: organizationFields.name.optional(),
  timeZone: organizationFields.timeZone.optional(),
  newAppStatus: organizationFields.newAppStatus.optional(),
});

/** Settings to change; absent ones stay. */
export interface UpdateOrganizationInput {
  name?: string | undefined;
  /** IANA name; used by weekly windows, never by times in the API. */
  timeZone?: string | undefined;
  /** Status that a newly seen app gets. */
  newAppStatus?: 'DEVELOPMENT' | 'REVIEW' | 'RELEASE' | undefined;
}

/** Changes the actor's organization. A change to what it already is leaves no audit entry. */
export async function updateOrganization(context: Context, input: UpdateOrganizationInput): Promise<void> {
  requireRight(context, 'organization:write');
  const wanted = parseInput(schema, input);
  const where = { id: context.actor.organizationId };
  await transaction(context, async (tx) => {
    const before = await tx.organization.findUniqueOrThrow({ where });
    const changed = Object.entries(wanted).filter(
      ([field, value]) => value !== undefined && before[field as keyof typeof wanted] !== value,
    );
    if (changed.length === 0) return;
    const data = Object.fromEntries(changed);
    await tx.organization.update({ where, data });
    await recordAudit(context, tx, { action: 'organization.update', subject: `organization:${where.id}`, data });
  });
}
