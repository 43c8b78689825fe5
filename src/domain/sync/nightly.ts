/** Once a night each library is read whole: the last word on removals that nothing else showed. @module */
import { createHash } from 'node:crypto';
import { moment, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { findToken } from '../token/find.ts';
import type { TokenKey } from '../token/gate.ts';
import { isReadable, tokenState } from '../token/state.ts';
import { nextNight } from './night.ts';
import { startSync } from './start.ts';

/** When the token's library is read whole again; null when that is switched off. */
export async function nextNightOf(context: Context, token: TokenKey): Promise<Date | null> {
  const { reconcileHour } = context.settings;
  if (reconcileHour === null) return null;
  const { timeZone } = await context.prisma.organization.findUniqueOrThrow({
    where: { id: token.organizationId },
    select: { timeZone: true },
  });
  const share = createHash('sha256').update(`night ${token.tokenId}`).digest().readUInt32BE(0) / 2 ** 32;
  return nextNight(timeZone, reconcileHour, share, context.clock.now());
}

/** Starts the nightly sync when it is due. A token that can't be read waits for the next night. */
export async function startNightly(context: Context, token: TokenKey): Promise<void> {
  const { organizationId, tokenId } = token;
  const next = await nextNightOf(context, token);
  await transaction(context, async (tx) => {
    const now = context.clock.now();
    const due = await tx.$executeRaw(sql`
      UPDATE token_sync SET full_due_at = ${moment(next)}
      WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND full_due_at <= ${moment(now)}`);
    if (due === 0) return;
    const state = tokenState(await findToken(context, tx, tokenId), now, context.settings);
    if (isReadable(state)) await startSync(context, tx, tokenId, { full: true });
    else context.logger.info({ tokenId: String(tokenId), state }, 'the library is not read tonight');
  });
}
