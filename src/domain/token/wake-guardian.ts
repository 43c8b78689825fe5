import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';
import type { TokenKey } from './gate.ts';

/** Asks a worker to look after the token now: its row says what there is to be told or asked. */
export async function wakeGuardian(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  const payload = { organizationId: String(organizationId), tokenId: String(tokenId) };
  await enqueue(tx, { name: 'guard-token', payload, key: `guard:${organizationId}:${tokenId}` });
}
