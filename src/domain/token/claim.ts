import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { AppleFailure } from '../ports.ts';
import { appleRefusal } from './apple-refusal.ts';
import { claimLibrary, holdLibrary } from './call-apple.ts';
import { findToken } from './find.ts';
import { tokenRefusal, tokenState } from './state.ts';

/** Claims a fresh library when nobody has. Apple being unreachable is no failure: the guard before a write asks again. */
export async function claimIfFree(context: Context, tokenId: bigint): Promise<void> {
  try {
    await holdLibrary(context, { organizationId: context.actor.organizationId, tokenId });
  } catch (error) {
    if (!(error instanceof AppleFailure)) throw error;
    context.logger.warn({ tokenId: String(tokenId), kind: error.kind }, 'the library could not be claimed yet');
  }
}

/**
 * Takes the library over, whoever holds it: the explicit way back after TAKEN_OVER.
 * Throws APPLE_UNAVAILABLE, APPLE_REFUSED, TOKEN_EXPIRED, TOKEN_NOT_USABLE; nothing is changed then.
 */
export async function claimToken(context: Context, input: { tokenId: bigint }): Promise<bigint> {
  requireRight(context, 'tokens:write');
  const organizationId = context.actor.organizationId;
  const token = await findToken(context, context.prisma, input.tokenId);
  const state = tokenState(token, context.clock.now(), context.settings);
  if (!['ACTIVE', 'EXPIRING', 'TAKEN_OVER', 'INCOMPLETE'].includes(state)) throw tokenRefusal(token, state);
  try {
    await claimLibrary(context, { organizationId, tokenId: token.id });
  } catch (error) {
    throw error instanceof AppleFailure ? appleRefusal(error) : error;
  }
  await transaction(context, async (tx) => {
    await tx.$executeRaw(sql`
      UPDATE token SET mdm_checked_at = ${moment(context.clock.now())}, foreign_mdm = NULL,
        condition = CASE WHEN condition = 'TAKEN_OVER' THEN 'OK' ELSE condition END
      WHERE organization_id = ${organizationId} AND id = ${token.id}`);
    await recordAudit(context, tx, { action: 'token.claim', subject: `token:${token.id}`, data: { before: token.foreignMdm } });
  });
  return token.id;
}
