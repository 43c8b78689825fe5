import { z } from 'zod';
import { moment, sql, texts, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { forgetUnreleased } from '../deployment/forget-refusals.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { parseInput } from '../parse.ts';
import { lockGroup } from './find.ts';

const inputSchema = z.object({ groupId: z.bigint(), statuses: z.array(z.enum(['DEVELOPMENT', 'REVIEW'])).max(2) });

/**
 * Says which apps that are not released the group's devices may get; an empty list leaves the released ones. What they
 * hold already stays. Throws NOT_FOUND.
 */
export async function setGroupAppStatuses(context: Context, rawInput: z.input<typeof inputSchema>): Promise<bigint> {
  requireRight(context, 'apps:write');
  const input = parseInput(inputSchema, rawInput);
  const { organizationId } = context.actor;
  const statuses = [...new Set(input.statuses)].sort();
  await transaction(context, async (tx) => {
    const group = await lockGroup(context, tx, input.groupId);
    await tx.$executeRaw(sql`
      UPDATE device_group SET app_statuses = ${texts(statuses)}::"AppStatus"[], updated_at = ${moment(context.clock.now())}
      WHERE organization_id = ${organizationId} AND id = ${group.id}`);
    await wakeQueues(tx, organizationId, sql`true`);
    await forgetUnreleased(tx, organizationId, context.clock.now(), sql`true`);
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'device-group.app-statuses',
      subject: `device-group:${group.id}`,
      data: { statuses },
    });
  });
  return input.groupId;
}
