import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';

/** Asks for the metadata of all apps of a token, e.g. after its region changed. */
export async function requestMetadata(tx: Tx, token: { organizationId: bigint; id: bigint }): Promise<void> {
  const payload = { organizationId: String(token.organizationId), tokenId: String(token.id) };
  await enqueue(tx, { name: 'refresh-metadata', payload, key: `metadata:${token.organizationId}:${token.id}` });
}
