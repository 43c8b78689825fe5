/** Apple's request rate, shared by all processes through one row per token. @module */
import { moment, type Sql, sql, transaction } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Services } from '../context.ts';
import { AppleFailure } from '../ports.ts';

/** A token by its key. */
export interface TokenKey {
  organizationId: bigint;
  tokenId: bigint;
}

/** A sync takes at most this share of the slots, so that an associate never waits for a million rows. */
const syncShare = 2 / 3;

/** The pause of all calls after a 429 that names none. Milliseconds. */
const pauses = { base: 2_000, factor: 2, cap: 300_000 };

/** A place in the line of a token's calls. */
export interface Slot {
  /** How often in a row Apple has said 429 without naming a wait. */
  refusals: number;
}

/**
 * Waits for the next free slot. All calls of a token share one line in which they stand the full interval apart; a sync
 * waits in a slower line of its own first, so that it never fills the shared one.
 * Throws RATE_LIMITED while Apple's Retry-After has not passed: the caller comes back later.
 */
export async function takeSlot(services: Services, token: TokenKey, use: 'SYNC' | 'OTHER'): Promise<Slot> {
  const { maxRequestsPerSecond } = await services.apple.limits();
  const interval = 1000 / maxRequestsPerSecond;
  if (use === 'SYNC') await passLine(services, token, sql`next_sync_slot_at`, interval / syncShare);
  const place = await passLine(services, token, sql`next_slot_at`, interval);
  // Another process may have been told that the limits are smaller now.
  if (place?.limitsRefusedAt) await services.apple.limits({ since: place.limitsRefusedAt });
  return { refusals: place?.refusals ?? 0 };
}

interface Place extends Slot {
  at: Date;
  blocked: Date | null;
  limitsRefusedAt: Date | null;
}

/** Takes the next place of a line and waits for it. `interval` in milliseconds. */
async function passLine(services: Services, token: TokenKey, line: Sql, interval: number): Promise<Place | undefined> {
  const now = moment(services.clock.now());
  // The columns keep whole milliseconds. Rounded up, because down would be too fast; below one there is no line.
  const step = sql`make_interval(secs => ${(interval < 1 ? 0 : Math.ceil(interval)) / 1000}::float8)`;
  const [place] = await services.prisma.$queryRaw<Place[]>(sql`
    UPDATE token_gate SET ${line} = CASE WHEN blocked_until > ${now} THEN ${line} ELSE greatest(${line}, ${now}) + ${step} END
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
    RETURNING ${line} - ${step} AS at, blocked_until AS blocked, refusals, limits_refused_at AS "limitsRefusedAt"`);
  if (!place) return undefined;
  refuseWhileBlocked(services, place.blocked);
  const wait = place.at.getTime() - services.clock.now().getTime();
  if (wait <= 0) return place;
  await services.clock.sleep(wait);
  // Another call may have been told to wait meanwhile.
  const gate = await services.prisma.tokenGate.findUnique({
    where: { organizationId_tokenId: { organizationId: token.organizationId, tokenId: token.tokenId } },
  });
  refuseWhileBlocked(services, gate?.blockedUntil ?? null);
  return place;
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

/**
 * Holds all calls of the token after a 429 that names no wait: longer each time in a row. Gives the milliseconds. Several
 * calls that were under way together count once.
 */
export async function pauseGate(services: Services, token: TokenKey): Promise<number> {
  const now = services.clock.now();
  return transaction(services, async (tx) => {
    const mine = sql`organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`;
    const [gate] = await tx.$queryRaw<{ refusals: number; blocked: Date | null }[]>(sql`
      SELECT refusals, blocked_until AS blocked FROM token_gate WHERE ${mine} FOR NO KEY UPDATE`);
    if (gate?.blocked && gate.blocked > now) return gate.blocked.getTime() - now.getTime();
    const refusals = (gate?.refusals ?? 0) + 1;
    const pause = backoff(refusals, pauses);
    await tx.$executeRaw(sql`
      UPDATE token_gate SET refusals = ${refusals}, blocked_until = ${moment(new Date(now.getTime() + pause))} WHERE ${mine}`);
    return pause;
  });
}

/** Apple takes calls again: the next pause is a short one. */
export async function forgetRefusals(services: Services, token: TokenKey): Promise<void> {
  await services.prisma.$executeRaw(sql`
    UPDATE token_gate SET refusals = 0
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} AND refusals > 0
      AND (blocked_until IS NULL OR blocked_until <= ${moment(services.clock.now())})`);
}

/** Apple refused a call as too large or too early: every process reads the limits again before its next call. */
export async function distrustLimits(services: Services, token: TokenKey): Promise<void> {
  await services.prisma.$executeRaw(sql`
    UPDATE token_gate SET limits_refused_at = ${moment(services.clock.now())}
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`);
}
