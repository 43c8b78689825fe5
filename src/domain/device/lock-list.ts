import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Writers of the organization's device list come one after another, before they lock anything else. */
export async function lockDeviceList(context: Context, tx: Tx): Promise<void> {
  await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${context.actor.organizationId} FOR NO KEY UPDATE`);
}
