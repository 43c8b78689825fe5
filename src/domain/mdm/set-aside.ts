/** News of devices at which Russet failed again and again: shown, tried again, or dropped. @module */
import { z } from 'zod';
import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import { wakeDevices } from '../command/wake.ts';
import type { Context } from '../context.ts';
import { parseInput } from '../parse.ts';
import { type Connection, lockConnection } from './find.ts';

/** What was set aside. */
export interface SetAside {
  count: number;
  /** When the oldest came. */
  since: Date;
}

/** What the connection has; null when nothing, as it should be. */
export async function readSetAside(context: Context, { organizationId, id }: Connection): Promise<SetAside | null> {
  const [row] = await context.prisma.$queryRaw<{ count: number; since: Date | null }[]>(sql`
    SELECT count(*)::int AS count, min(received_at) AS since FROM device_news
    WHERE organization_id = ${organizationId} AND connection_id = ${id} AND outcome = 'SET_ASIDE'`);
  return row?.since ? { count: row.count, since: row.since } : null;
}

const schema = z.object({ action: z.enum(['RETRY', 'DROP']) });

/** Tries all of it again, as after an update of Russet, or drops it. Gives how many. Throws MDM_NOT_CONNECTED. */
export async function settleSetAside(context: Context, rawInput: z.input<typeof schema>): Promise<{ count: number }> {
  requireRight(context, 'mdm:write');
  const { action } = parseInput(schema, rawInput);
  return transaction(context, async (tx) => {
    const { organizationId, id } = await lockConnection(context, tx);
    const set =
      action === 'DROP'
        ? sql`outcome = 'DROPPED'`
        : sql`outcome = NULL, applied_at = NULL, attempts = 0, due_at = ${moment(context.clock.now())}`;
    const count = await tx.$executeRaw(sql`
      UPDATE device_news n SET ${set} FROM (
        SELECT id FROM device_news WHERE organization_id = ${organizationId} AND connection_id = ${id} AND outcome = 'SET_ASIDE'
        ORDER BY id FOR UPDATE
      ) o WHERE n.organization_id = ${organizationId} AND n.id = o.id`);
    if (action === 'RETRY' && count > 0) await wakeDevices(tx, organizationId);
    await recordAudit(context, tx, { action: 'mdm.set-aside', subject: `mdm:${id}`, data: { action, count } });
    return { count };
  });
}
