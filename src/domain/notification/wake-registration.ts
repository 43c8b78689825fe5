import { enqueue } from '../../db/enqueue.ts';
import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';

/** Makes the registration of the token's webhook due: after an upload, a renewal, and whatever wrote client/config. */
export async function wakeRegistration(
  { clock, settings }: Pick<Services, 'clock' | 'settings'>,
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
): Promise<void> {
  await tx.$executeRaw(sql`
    INSERT INTO token_webhook (organization_id, token_id, due_at) VALUES (${organizationId}, ${tokenId}, ${moment(clock.now())})
    ON CONFLICT (organization_id, token_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0`);
  if (settings.publicUrl === null) return;
  const payload = { organizationId: String(organizationId), tokenId: String(tokenId) };
  const key = `webhook:${organizationId}:${tokenId}`;
  await enqueue(tx, { name: 'register-webhook', payload, key });
}
