/** Apple's request rate, shared by all processes through one row per token. @module */
import { moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { AppleFailure } from '../ports.ts';

/** A token by its key. */
export interface TokenKey {
  organizationId: bigint;
  tokenId: bigint;
}

/** A sync takes at most this share of the slots, so that an associate never waits for a million rows. */
const syncShare = 2 / 3;

/**
 * Waits for the next free slot. All calls of a token share one line in which they stand the full interval apart; a sync
 * waits in a slower line of its own first, so that it never fills the shared one.
 * Throws RATE_LIMITED while Apple's Retry-After has not passed: the caller comes back later.
 */
export async function takeSlot(services: Services, token: TokenKey, use: 'SYNC' | 'OTHER'): Promise<void> {
  const { maxRequestsPerSecond } = await services.apple.limits();
  const interval = 1000 / maxRequestsPerSecond;
  if (use === 'SYNC') await passLine(services, token, sql`next_sync_slot_at`, interval / syncShare);
  await passLine(services, token, sql`next_slot_at`, interval);
}

/** Takes the next place of a line and waits for it. `interval` in milliseconds. */
async function passLine(services: Services, token: TokenKey, line: Sql, interval: number): Promise<void> {
  const now = moment(services.clock.now());
  // The columns keep whole milliseconds. Rounded up, because down would be too fast; below one there is no line.
  const step = sql`make_interval(secs => ${(interval < 1 ? 0 : Math.ceil(interval)) / 1000}::float8)`;
  const [place] = await services.prisma.$queryRaw<{ at: Date; blocked: Date | null }[]>(sql`
    UPDATE token_gate SET ${line} = CASE WHEN blocked_until > ${now} THEN ${line} ELSE greatest(${line}, ${now}) + ${step} END
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
    RETURNING ${line} - ${step} AS at, blocked_until AS blocked`);
  if (!place) return;
  refuseWhileBlocked(services, place.blocked);
  const wait = place.at.getTime() - services.clock.now().getTime();
  if (wait <= 0) return;
  await services.clock.sleep(wait);
  // Another call may have been told to wait meanwhile.
  const gate = await services.prisma.tokenGate.findUnique({
    where: { organizationId_tokenId: { organizationId: token.organizationId, tokenId: token.tokenId } },
  });
  refuseWhileBlocked(services, gate?.blockedUntil ?? null);
}

function refuseWhileBlocked(services: Services, blockedUntil: Date | null): void {
  const retryAfter = blockedUntil === null ? 0 : blockedUntil.getTime() - services.clock.now().getTime();
  if (retryAfter > 0) throw new AppleFailure('RATE_LIMITED', 'Apple asked to wait', { retryAfter });
}

/** Holds all calls of the token for `milliseconds`: Apple asked for it, and calling earlier lengthens the block. */
export async function blockGate(services: Services, token: TokenKey, milliseconds: number): Promise<void> {
  const until = new Date(services.clock.now().getTime() + milliseconds);
  await transaction(services, (tx) =>
    tx.$executeRaw(sql`
    UPDATE token_gate SET blocked_until = greatest(blocked_until, ${moment(until)})
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`),
  );
}
