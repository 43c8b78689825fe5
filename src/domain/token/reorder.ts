import { z } from 'zod';
import { ids, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { flattenMetadata } from '../app/flatten-metadata.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { listTokens, lockTokens } from './find.ts';

const inputSchema = z.object({ tokenIds: z.array(z.bigint()).max(1000) });

/**
 * Sets the order in which tokens are tried. Every token must be named exactly once, so that two people who reorder at
 * the same time can't lose one. Licenses given before stay where they are. Throws INVALID_INPUT.
 */
export async function reorderTokens(context: Context, rawInput: z.input<typeof inputSchema>): Promise<bigint[]> {
  requireRight(context, 'tokens:write');
  const { tokenIds } = parseInput(inputSchema, rawInput);
  const organizationId = context.actor.organizationId;
  return transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const before = (await listTokens(context, tx)).map((token) => token.id);
    requireSameTokens(before, tokenIds);
    await tx.$executeRaw(sql`
      UPDATE token SET position = o.position FROM unnest(${ids(tokenIds)}) WITH ORDINALITY AS o(id, position)
      WHERE token.organization_id = ${organizationId} AND token.id = o.id`);
    await flattenMetadata(tx, organizationId, null);
    await recordAudit(context, tx, { action: 'token.reorder', data: { before, after: tokenIds } });
    return tokenIds;
  });
}

/** Throws INVALID_INPUT unless `wanted` has each of the tokens exactly once. */
export function requireSameTokens(current: readonly bigint[], wanted: readonly bigint[]): void {
  const missing = current.filter((id) => !wanted.includes(id));
  const unknown = wanted.filter((id, index) => !current.includes(id) || wanted.indexOf(id) !== index);
  if (missing.length === 0 && unknown.length === 0) return;
  throw new InvalidInputError([
    {
      path: ['tokenIds'],
      message: `must name each of the ${current.length} tokens exactly once (${missing.length} missing, ${unknown.length} unknown or repeated)`,
    },
  ]);
}
