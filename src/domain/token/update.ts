import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { requestMetadata } from '../app/request-metadata.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { wakeQueuesOfToken } from '../license/wake-queue.ts';
import { parseInput } from '../parse.ts';
import { findToken, lockTokens } from './find.ts';
import * as fields from './input.ts';

const inputSchema = z.object({
  tokenId: z.bigint(),
  email: fields.email.optional(),
  region: fields.region.optional(),
  label: fields.label.optional(),
  source: fields.source.optional(),
  providedBy: fields.providedBy.nullish(),
});

/** Input of {@link updateToken}; an absent field is kept. */
export type UpdateTokenInput = z.input<typeof inputSchema>;

/** Changes the token's settings. An e-mail address completes an INCOMPLETE token. Throws NOT_FOUND, INVALID_INPUT. */
export async function updateToken(context: Context, rawInput: UpdateTokenInput): Promise<bigint> {
  requireRight(context, 'tokens:write');
  const { tokenId, ...input } = parseInput(inputSchema, rawInput);
  const data = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const token = await findToken(context, tx, tokenId);
    await tx.token.update({
      where: { organizationId_id: { organizationId: token.organizationId, id: tokenId } },
      data,
    });
    // An INCOMPLETE token may be usable now.
    if (input.email !== undefined) await wakeQueuesOfToken(tx, { organizationId: token.organizationId, tokenId });
    if (input.region && input.region !== token.region) await requestMetadata(context, tx, token);
    await recordAudit(context, tx, {
      action: 'token.update',
      subject: `token:${tokenId}`,
      data: { changed: Object.keys(data).filter((key) => (token as Record<string, unknown>)[key] !== data[key]) },
    });
    return tokenId;
  });
}
