/** The way back when Apple asked for a longer pause than it meant: calls may leave again at once. @module */
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Services } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';
import { resumeWriter } from '../token/resume.ts';

/** What {@link endPauses} ended. */
export interface EndedPauses {
  /** Tokens whose calls were held. */
  tokens: TokenKey[];
  /** Pauses of the whole installation: Apple's settings, a source of metadata. */
  shared: string[];
}

/**
 * Ends every pause that Apple asked for, of all tokens or of `tokenId` alone; what waited for them goes on. Whoever calls it
 * knows that Apple takes calls again: one that comes too early may lengthen the block.
 */
export function endPauses(
  services: Pick<Services, 'prisma' | 'clock'>,
  by: { name: string; correlationId: string },
  tokenId?: bigint,
): Promise<EndedPauses> {
  const now = moment(services.clock.now());
  const mine = tokenId === undefined ? sql`true` : sql`g.token_id = ${tokenId}`;
  return transaction(services, async (tx) => {
    const tokens = await tx.$queryRaw<TokenKey[]>(sql`
      SELECT g.organization_id AS "organizationId", g.token_id AS "tokenId" FROM token_gate g
      WHERE g.blocked_until > ${now} AND ${mine} ORDER BY g.token_id FOR NO KEY UPDATE`);
    if (tokens.length > 0) await wakeTasks(tx, tokens, services.clock.now());
    for (const key of tokens) {
      await tx.$executeRaw(sql`
        UPDATE token_gate SET blocked_until = NULL, refusals = 0 WHERE organization_id = ${key.organizationId} AND token_id = ${key.tokenId}`);
      await resumeWriter(tx, key);
      const actor = { kind: 'SYSTEM' as const, organizationId: key.organizationId, name: by.name };
      const context = { actor, clock: services.clock, correlationId: by.correlationId };
      await recordAudit(context, tx, { action: 'token.end-pause', subject: `token:${key.tokenId}` });
    }
    const shared =
      tokenId === undefined
        ? await tx.$queryRaw<{ host: string }[]>(sql`DELETE FROM apple_pause WHERE until > ${now} RETURNING host`)
        : [];
    return { tokens, shared: shared.map((row) => row.host).sort() };
  });
}

/** Syncs that wait for the pause are due now; writes are woken with their token. */
async function wakeTasks(tx: Tx, tokens: readonly TokenKey[], now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE task t SET due_at = ${moment(now)} FROM (
      SELECT w.organization_id, w.id FROM task w
      WHERE w.waits_for = 'APPLE' AND w.due_at > ${moment(now)} AND EXISTS (
        SELECT 1 FROM task_token k WHERE k.organization_id = w.organization_id AND k.task_id = w.id
          AND k.token_id = ANY (${ids(tokens.map((key) => key.tokenId))}))
      ORDER BY w.id FOR UPDATE
    ) o WHERE t.organization_id = o.organization_id AND t.id = o.id`);
}
