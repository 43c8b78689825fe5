import type { Tx } from '../../db/transaction.ts';
import { sql } from '../../db/transaction.ts';
import type { MdmConnection } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { MdmNotConnectedError } from '../errors.ts';

/** A present connection. */
export type Connection = MdmConnection;

/** The organization's present connection, or null. */
export function presentConnection(context: Context, db: Tx = context.prisma): Promise<Connection | null> {
  return db.mdmConnection.findFirst({
    where: { organizationId: context.actor.organizationId, removedAt: null },
  });
}

/** The present connection under its lock. Throws MDM_NOT_CONNECTED. */
export async function lockConnection(context: Context, tx: Tx): Promise<Connection> {
  const { organizationId } = context.actor;
  await tx.$executeRaw(sql`
    SELECT 1 FROM mdm_connection WHERE organization_id = ${organizationId} AND removed_at IS NULL FOR UPDATE`);
  const connection = await tx.mdmConnection.findFirst({ where: { organizationId, removedAt: null } });
  if (!connection) throw new MdmNotConnectedError();
  return connection;
}
