import { enqueue } from '../../db/enqueue.ts';
import type { Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';

/**
 * Asks a worker to look after the token's writes, now or at `at`; never puts off what is due earlier. What there is to
 * do follows from the license and call rows, so the gate's row is not touched: callers may hold pools already.
 */
export async function wakeWriter(tx: Tx, token: TokenKey, at?: Date): Promise<void> {
  const payload = { organizationId: String(token.organizationId), tokenId: String(token.tokenId) };
  await enqueue(tx, {
    name: 'write-licenses',
    payload,
    key: `write:${token.organizationId}:${token.tokenId}`,
    ...(at ? { runAt: at } : {}),
  });
}
