import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { lockGates } from '../license/lock-gates.ts';
import { findToken } from '../token/find.ts';
import { wakeRegistration } from './wake-registration.ts';

/**
 * Gives the token's webhook another address and with it another bearer, e.g. because somebody saw the old one. What Apple
 * posts to the old one is taken until Apple has the new one, for a day at most: whoever saw it does not profit from Apple's
 * refusals. Throws NOT_FOUND.
 */
export async function rotateWebhook(context: Context, { tokenId }: { tokenId: bigint }): Promise<bigint> {
  requireRight(context, 'tokens:write');
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    await findToken(context, tx, tokenId);
    await lockGates(tx, organizationId, [tokenId]);
    // Rotated twice before Apple was told, the address that Apple has stays the good one.
    await tx.$executeRaw(sql`
      UPDATE token_webhook SET retired_webhook_id = coalesce(retired_webhook_id, CASE WHEN registered_url IS NOT NULL THEN webhook_id END),
        retired_at = CASE WHEN retired_webhook_id IS NULL THEN ${moment(context.clock.now())} ELSE retired_at END, webhook_id = gen_random_uuid()
      WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
    await recordAudit(context, tx, { action: 'token.rotate-webhook', subject: `token:${tokenId}` });
    await wakeRegistration(context, tx, { organizationId, tokenId });
    return tokenId;
  });
}
