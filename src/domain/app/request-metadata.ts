import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Asks for the metadata of all apps of a token, e.g. after its region changed. */
export async function requestMetadata(
  context: Context,
  tx: Tx,
  token: { organizationId: bigint; id: bigint },
): Promise<void> {
  const { correlationId } = context;
  const payload = { organizationId: String(token.organizationId), tokenId: String(token.id), correlationId };
  await enqueue(tx, { name: 'refresh-metadata', payload, key: `metadata:${token.organizationId}:${token.id}` });
}
