import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { lockGates } from '../license/lock-gates.ts';
import { AppleFailure, type LibraryDescription } from '../ports.ts';
import { appleRefusal } from './apple-refusal.ts';
import { claimLibrary } from './call-apple.ts';
import { findToken, lockTokens } from './find.ts';
import type { TokenKey } from './gate.ts';
import { resumeWriter } from './resume.ts';
import { tokenRefusal, tokenState } from './state.ts';

/** Claims a library that nobody holds. A failure is no failure of the upload: the guard before a write tries again. */
export async function claimFree(context: Context, tokenId: bigint): Promise<void> {
  try {
    await claimLibrary(context, { organizationId: context.actor.organizationId, tokenId });
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    context.logger.warn({ tokenId: String(tokenId), reason: error.message }, 'the library could not be claimed yet');
  }
}

/**
 * Takes the library over, whoever holds it: the explicit way back after TAKEN_OVER. Work that waited goes on.
 * Throws INSTALLATION_NOT_CONFIRMED, APPLE_UNAVAILABLE, APPLE_REFUSED, TOKEN_EXPIRED, TOKEN_NOT_USABLE; nothing is changed then.
 */
export async function claimToken(context: Context, input: { tokenId: bigint }): Promise<bigint> {
  requireRight(context, 'tokens:write');
  const organizationId = context.actor.organizationId;
  const key: TokenKey = { organizationId, tokenId: input.tokenId };
  const token = await findToken(context, context.prisma, input.tokenId);
  const state = tokenState(token, context.clock.now(), context.settings);
  if (!['ACTIVE', 'EXPIRING', 'REMOVING', 'TAKEN_OVER', 'INCOMPLETE'].includes(state)) throw tokenRefusal(token, state);
  const library = await claimNow(context, key);
  // Apple has no compare-and-swap: somebody else may have claimed it in the same moment.
  if (library.holder?.id !== token.mdmId) throw tokenRefusal(token, 'TAKEN_OVER');
  await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    await findToken(context, tx, token.id);
    await lockGates(tx, organizationId, [token.id]);
    await tx.$executeRaw(sql`
      UPDATE token SET mdm_checked_at = ${moment(context.clock.now())}, foreign_mdm = NULL,
        condition = CASE WHEN condition = 'TAKEN_OVER' THEN 'OK' ELSE condition END
      WHERE organization_id = ${organizationId} AND id = ${token.id}`);
    await tx.$executeRaw(sql`
      UPDATE token_webhook SET second_manager = NULL WHERE organization_id = ${organizationId} AND token_id = ${token.id}`);
    await resumeWriter(tx, key);
    await recordAudit(context, tx, {
      action: 'token.claim',
      subject: `token:${token.id}`,
      data: { before: token.foreignMdm },
    });
  });
  return token.id;
}

async function claimNow(context: Context, key: TokenKey): Promise<LibraryDescription> {
  try {
    return await claimLibrary(context, key);
  } catch (error) {
    throw error instanceof AppleFailure ? appleRefusal(error) : error;
  }
}
