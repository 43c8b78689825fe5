import { z } from 'zod';
import { ids, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { forgetUnreleased } from '../deployment/forget-refusals.ts';
import { NotFoundError } from '../errors.ts';
import { ringQueues, wakeQueues } from '../license/wake-queue.ts';
import { parseInput } from '../parse.ts';

const inputSchema = z.object({
  appIds: z.array(z.bigint()).min(1, 'name at least one app').max(10_000),
  status: z.enum(['DEVELOPMENT', 'REVIEW', 'RELEASE']),
});

/** Sets where apps stand on their way into the organization's app store. Throws NOT_FOUND; nothing is changed then. */
export async function setAppStatus(context: Context, rawInput: z.input<typeof inputSchema>): Promise<bigint[]> {
  requireRight(context, 'apps:write');
  const input = parseInput(inputSchema, rawInput);
  const organizationId = context.actor.organizationId;
  const appIds = [...new Set(input.appIds)];
  return transaction(context, async (tx) => {
    const before = await tx.$queryRaw<{ id: bigint; status: string }[]>(sql`
      SELECT id, status::text AS status FROM app WHERE organization_id = ${organizationId} AND id = ANY (${ids(appIds)}) ORDER BY id FOR NO KEY UPDATE`);
    const known = new Set(before.map((app) => app.id));
    if (known.size < appIds.length)
      throw new NotFoundError('app', appIds.filter((id) => !known.has(id)).map(String), ['appIds']);
    await tx.$executeRaw(sql`
      UPDATE app SET status = ${input.status}::"AppStatus" WHERE organization_id = ${organizationId} AND id = ANY (${ids(appIds)})`);
    const changed = before.filter((app) => app.status !== input.status);
    // Those who wait for it may no longer have it.
    await wakeQueues(tx, organizationId, sql`w.app_id = ANY (${ids(changed.map((app) => app.id))})`);
    await forgetUnreleased(
      tx,
      organizationId,
      context.clock.now(),
      sql`r.app_id = ANY (${ids(changed.map((app) => app.id))})`,
    );
    await ringQueues(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, {
      action: 'app.set-status',
      data: { status: input.status, changed: changed.slice(0, 100), count: changed.length },
    });
    return appIds;
  });
}
