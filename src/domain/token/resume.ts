import { sql, type Tx } from '../../db/transaction.ts';
import { wakeQueuesOfToken } from '../license/wake-queue.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import type { TokenKey } from './gate.ts';

/** Wakes the token's writer when the token is usable again: tasks that waited for it go on. A block by Apple stays. */
export async function resumeWriter(tx: Tx, token: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_gate SET suspended_until = NULL WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
  await wakeQueuesOfToken(tx, token);
  await wakeWriter(tx, token);
}
