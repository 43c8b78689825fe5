import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type NamedSubscription, SeatSubscriptionsExistError } from '../errors.ts';
import { AppleFailure } from '../ports.ts';
import { appleRefusal } from '../token/apple-refusal.ts';
import { callApple } from '../token/call-apple.ts';
import { findToken, lockTokens } from '../token/find.ts';
import type { TokenKey } from '../token/gate.ts';
import { wakeSeatReading } from './wake.ts';

/** Apple's number for: some exist. */
const someExist = 9818;
/** Most subscriptions that a refusal names. */
const maxNamed = 100;

/** What enabling and disabling tell Apple, for the one who asks for it. */
export const declarations = {
  enabled:
    'Apple was told that the management software of this library handles subscriptions: managers can now buy auto-renewing subscriptions with seats into it, and seats are assigned and taken back by Russet. It stays so until no subscription is left and it is disabled.',
  disabled:
    'Apple was told that the management software of this library no longer handles subscriptions: managers can buy none into it any more.',
};

/** What was declared. */
export interface SeatDeclaration {
  tokenId: bigint;
  declaration: string;
}

/**
 * Declares to Apple that seat subscriptions of the library are managed here, and reads them. May be repeated.
 * Throws NOT_FOUND, TOKEN_EXPIRED, TOKEN_NOT_USABLE, INSTALLATION_NOT_CONFIRMED, APPLE_UNAVAILABLE, APPLE_REFUSED.
 */
export async function enableSeatSubscriptions(context: Context, input: { tokenId: bigint }): Promise<SeatDeclaration> {
  const key = await declare(context, input.tokenId, true);
  await transaction(context, async (tx) => {
    const now = context.clock.now();
    await lockTokens(context, tx);
    await findToken(context, tx, key.tokenId);
    await tx.$executeRaw(sql`
      INSERT INTO seat_library AS s (organization_id, token_id, enabled_at, due_at)
      VALUES (${key.organizationId}, ${key.tokenId}, ${moment(now)}, ${moment(now)})
      ON CONFLICT (organization_id, token_id) DO UPDATE SET
        enabled_at = coalesce(s.enabled_at, excluded.enabled_at), due_at = excluded.due_at, attempts = 0`);
    await recordAudit(context, tx, { action: 'seat.enable', subject: `token:${key.tokenId}` });
    await wakeSeatReading(tx, key, now);
  });
  return { tokenId: key.tokenId, declaration: declarations.enabled };
}

/**
 * Takes the declaration back. Throws SEAT_SUBSCRIPTIONS_EXIST, which names them, and what enabling throws; nothing is
 * changed then.
 */
export async function disableSeatSubscriptions(context: Context, input: { tokenId: bigint }): Promise<SeatDeclaration> {
  const key = await declare(context, input.tokenId, false);
  await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    await findToken(context, tx, key.tokenId);
    // The raised sweep stops a reading that is under way.
    await tx.$executeRaw(sql`
      UPDATE seat_library SET enabled_at = NULL, due_at = NULL, sweep = sweep + 1
      WHERE organization_id = ${key.organizationId} AND token_id = ${key.tokenId}`);
    await recordAudit(context, tx, { action: 'seat.disable', subject: `token:${key.tokenId}` });
  });
  return { tokenId: key.tokenId, declaration: declarations.disabled };
}

/** Whatever the answer was: to declare the same once more changes nothing. */
async function declare(context: Context, tokenId: bigint, enabled: boolean): Promise<TokenKey> {
  requireRight(context, 'tokens:write');
  const key = { organizationId: context.actor.organizationId, tokenId };
  await findToken(context, context.prisma, tokenId);
  try {
    await callApple(context, key, 'WRITE', (credential) => context.apple.setSeatManagement(credential, enabled));
    return key;
  } catch (error) {
    if (!(error instanceof AppleFailure)) throw error;
    if (error.appleErrorNumber === someExist) throw new SeatSubscriptionsExistError(await existing(context, key));
    throw appleRefusal(error);
  }
}

/** What exists at Apple now; nothing where that can't be read. */
async function existing(context: Context, key: TokenKey): Promise<NamedSubscription[]> {
  try {
    const page = await callApple(context, key, 'READ', (credential) =>
      context.apple.readSeatSubscriptions(credential, {}),
    );
    return page.rows
      .filter(({ status }) => status !== 'INACTIVE')
      .slice(0, maxNamed)
      .map(({ adamId, parentAdamId, status, total }) => {
        return { adamId, parentAdamId, status, seats: total.renewing + total.expiring };
      });
  } catch (error) {
    if (error instanceof AppleFailure) return [];
    throw error;
  }
}
