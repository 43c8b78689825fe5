import { z } from 'zod';
import { transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DifferentLibraryError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { claimFree } from './claim.ts';
import { describeUpload } from './describe-upload.ts';
import { findToken, lockTokens } from './find.ts';
import { type Renewal, replaceSecret } from './replace-secret.ts';

const inputSchema = z.object({ tokenId: z.bigint(), file: z.string(), force: z.boolean().nullish() });

/** Input of {@link renewToken}. */
export type RenewTokenInput = z.input<typeof inputSchema>;

/**
 * Puts a new file of the same library in the place of the old one; before or after the expiry.
 * Throws DIFFERENT_LIBRARY, INVALID_TOKEN_FILE, OLDER_TOKEN_FILE, APPLE_UNAVAILABLE, NOT_FOUND.
 */
export async function renewToken(context: Context, rawInput: RenewTokenInput): Promise<Renewal & { tokenId: bigint }> {
  requireRight(context, 'tokens:write');
  const input = parseInput(inputSchema, rawInput);
  await findToken(context, context.prisma, input.tokenId);
  const upload = await describeUpload(context, input.file, input.tokenId);
  const result = await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const token = await findToken(context, tx, input.tokenId);
    if (token.uId !== upload.library.uId)
      throw new DifferentLibraryError(upload.library.locationName ?? upload.organizationName);
    const renewal = await replaceSecret(context, tx, token, upload, { force: input.force ?? false });
    await recordAudit(context, tx, { action: 'token.renew', subject: `token:${token.id}`, data: { ...renewal } });
    return { tokenId: token.id, ...renewal };
  });
  if (upload.library.holder === null) await claimFree(context, result.tokenId);
  return result;
}
