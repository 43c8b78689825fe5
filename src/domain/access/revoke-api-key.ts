import { ring } from '../../db/notify.ts';
import { transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import { NotFoundError } from '../errors.ts';
import type { KeyContext } from './create-api-key.ts';
import { requireRight } from './rights.ts';

/** Ends a key for good. One that was revoked before stays as it is, and nothing is recorded. */
export async function revokeApiKey(context: KeyContext, input: { apiKeyId: bigint }): Promise<{ apiKeyId: bigint }> {
  requireRight(context, 'keys:write');
  const where = { organizationId: context.actor.organizationId, id: input.apiKeyId };
  await transaction(context, async (tx) => {
    const changed = await tx.apiKey.updateMany({
      where: { ...where, revokedAt: null },
      data: { revokedAt: context.clock.now() },
    });
    if (changed.count > 0) {
      await ring(tx, { organizationId: context.actor.organizationId, kind: 'keys' });
      return recordAudit(context, tx, { action: 'api-key.revoke', subject: `api-key:${input.apiKeyId}` });
    }
    if ((await tx.apiKey.count({ where })) === 0)
      throw new NotFoundError('API key', [String(input.apiKeyId)], ['apiKeyId']);
  });
  return input;
}
