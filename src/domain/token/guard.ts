/** The guardian of a token: asks Apple when it is time, and tells people what there is to be told, once. @module */
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import type { TokenKey } from './gate.ts';
import { climb, type Told, type Watched } from './ladder.ts';
import { type NoticeFacts, writeNotice } from './notices.ts';
import { probeToken } from './probe.ts';

/** Does what is due for the token. May come twice and on two machines. */
export async function guardToken(services: Services, token: TokenKey, correlationId: string): Promise<void> {
  const context = systemContext(services, token.organizationId, 'guardian', correlationId);
  await probeToken(context, token);
  await tellNotices(context, token);
}

interface GuardedRow extends NoticeFacts {
  condition: Watched['condition'];
  toldCycle: number;
  toldCondition: Told['condition'];
  toldRung: number | null;
}

/** Writes the notices that are due. The row's lock and what it says was told make each of them once. */
function tellNotices(context: Context, key: TokenKey): Promise<void> {
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    const row = await lockDue(tx, key, now);
    if (!row) return;
    const told = { cycle: row.toldCycle, condition: row.toldCondition, rung: row.toldRung };
    const step = climb({ ...row, told }, now, context.settings.noticeDays);
    await tx.$executeRaw(sql`
      UPDATE token SET notice_at = ${moment(step.next)}, told_cycle = ${step.told.cycle}, told_rung = ${step.told.rung},
        told_condition = ${step.told.condition}::"TokenNoticeKind"
      WHERE organization_id = ${key.organizationId} AND id = ${key.tokenId}`);
    for (const notice of step.notices) {
      await recordAudit(context, tx, {
        action: 'token.notice',
        subject: `token:${key.tokenId}`,
        data: { ...notice, expiresAt: row.expiresAt },
      });
    }
    for (const notice of step.notices) await writeNotice(tx, key, { ...notice, ...row }, now);
  });
}

async function lockDue(tx: Tx, key: TokenKey, now: Date): Promise<GuardedRow | null> {
  const [row] = await tx.$queryRaw<GuardedRow[]>(sql`
    SELECT condition::text AS condition, expires_at AS "expiresAt", cycle, told_cycle AS "toldCycle",
      told_condition::text AS "toldCondition", told_rung AS "toldRung", foreign_mdm AS "foreignMdm",
      (condition_cause ->> 'appleErrorNumber')::int AS "appleErrorNumber"
    FROM token WHERE organization_id = ${key.organizationId} AND id = ${key.tokenId} AND removed_at IS NULL
      AND notice_at <= ${moment(now)} FOR NO KEY UPDATE`);
  return row ?? null;
}
