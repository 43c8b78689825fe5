import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { MdmNotConnectedError } from '../errors.ts';
import { presentConnection } from './find.ts';

/** Throws MDM_NOT_CONNECTED unless the organization has a way to its devices. */
export async function requireConnection(context: Context, db: Tx = context.prisma): Promise<void> {
  if (!(await presentConnection(context, db))) throw new MdmNotConnectedError();
}
