/** Apple's request rate, shared by all processes through one row per token. @module */
import { moment, sql, transaction } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { AppleFailure } from '../ports.ts';

/** A token by its key. */
export interface TokenKey {
  organizationId: bigint;
  tokenId: bigint;
}

/** A sync takes at most this share of the slots, so that an associate never waits for a million rows. */
const syncShare = 2 / 3;

/** Waits for the next free slot. Throws RATE_LIMITED while Apple's Retry-After has not passed: the caller comes back later. */
export async function takeSlot(services: Services, token: TokenKey, use: 'SYNC' | 'OTHER'): Promise<void> {
  const { maxRequestsPerSecond } = await services.apple.limits();
  const interval = 1000 / maxRequestsPerSecond;
  const now = services.clock.now();
  const line = use === 'SYNC' ? sql`greatest(next_slot_at, next_sync_slot_at, ${moment(now)})` : sql`greatest(next_slot_at, ${moment(now)})`;
  const own = sql`make_interval(secs => ${interval / 1000}::float8)`;
  const sync = sql`make_interval(secs => ${interval / syncShare / 1000}::float8)`;
  const rows = await services.prisma.$queryRaw<{ slot: Date; blocked: Date | null }[]>(sql`
    WITH slot AS (
      SELECT organization_id, token_id, CASE WHEN blocked_until > ${moment(now)} THEN NULL ELSE ${line} END AS at, blocked_until
      FROM token_gate WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId} FOR NO KEY UPDATE
    )
    UPDATE token_gate g SET
      next_slot_at = CASE WHEN slot.at IS NULL THEN g.next_slot_at ELSE greatest(g.next_slot_at, ${moment(now)}) + ${own} END,
      next_sync_slot_at = ${use === 'SYNC' ? sql`CASE WHEN slot.at IS NULL THEN g.next_sync_slot_at ELSE slot.at + ${sync} END` : sql`g.next_sync_slot_at`}
    FROM slot WHERE g.organization_id = slot.organization_id AND g.token_id = slot.token_id
    RETURNING slot.at AS slot, slot.blocked_until AS blocked`);
  const row = rows[0];
  if (row && row.slot === null) {
    throw new AppleFailure('RATE_LIMITED', 'Apple asked to wait', { retryAfter: row.blocked!.getTime() - now.getTime() });
  }
  const wait = row ? row.slot.getTime() - now.getTime() : 0;
  if (wait > 1) await services.clock.sleep(wait);
}

/** Holds all calls of the token for `milliseconds`: Apple asked for it, and calling earlier lengthens the block. */
export async function blockGate(services: Services, token: TokenKey, milliseconds: number): Promise<void> {
  const until = new Date(services.clock.now().getTime() + milliseconds);
  await transaction(services, (tx) => tx.$executeRaw(sql`
    UPDATE token_gate SET blocked_until = greatest(coalesce(blocked_until, ${moment(until)}), ${moment(until)})
    WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}`));
}
