/** Plans the next write to Apple and writes it down before it is sent. @module */
import { ids, sql, type Tx, texts } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { AppleLimits, LicenseWrite } from '../ports.ts';
import { type GateClaim, underGateClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { sendable, userWriteReady } from '../work/due.ts';
import { type CallKind, noteCall, type OfLicenses } from './call.ts';
import { lockPools } from './transition.ts';

/** Whose licenses or people are sent next. */
export interface NextWork {
  taskId: bigint;
  kind: CallKind;
}

/** The work that has waited longest: tasks take turns, so that a small one never waits for a large one. */
export async function nextWork(context: Context, token: TokenKey): Promise<NextWork | null> {
  const open = sql`l.organization_id = ${token.organizationId} AND l.token_id = ${token.tokenId} AND l.call_id IS NULL`;
  const rows = await context.prisma.$queryRaw<NextWork[]>(sql`
    SELECT w.kind, w.task_id AS "taskId" FROM (
      SELECT DISTINCT 'ASSOCIATE' AS kind, l.task_id FROM license l WHERE ${open} AND l.state = 'REQUESTED'
      UNION ALL
      SELECT DISTINCT 'DISASSOCIATE', l.revoke_task_id FROM license l WHERE ${open} AND l.state = 'REVOKE_REQUESTED'
      UNION ALL
      SELECT DISTINCT w.kind::text, w.task_id FROM vpp_user_write w
      WHERE w.organization_id = ${token.organizationId} AND w.token_id = ${token.tokenId} AND ${userWriteReady}
      UNION ALL
      SELECT DISTINCT 'ASSIGN_SEATS', l.task_id FROM seat_assignment l WHERE ${open} AND l.state = 'REQUESTED'
      UNION ALL
      SELECT DISTINCT 'REMOVE_SEATS', l.removal_task_id FROM seat_assignment l WHERE ${open} AND l.state = 'REMOVAL_REQUESTED'
    ) w JOIN task t ON t.organization_id = ${token.organizationId} AND t.id = w.task_id
    WHERE ${sendable}
    ORDER BY (SELECT max(c.sent_at) FROM apple_call c WHERE c.organization_id = t.organization_id AND c.task_id = t.id) NULLS FIRST, t.id
    LIMIT 1`);
  return rows[0] ?? null;
}

/** A write that is written down and may be sent. */
export interface WrittenCall {
  callId: bigint;
  write: LicenseWrite;
  items: number;
  sentAt: Date;
}

/** The holders of one equal set of pools. */
interface Group {
  isUser: boolean;
  poolIds: bigint[];
  holders: string[];
}

/** Takes the largest group of holders that need the same assets, within Apple's limits, and notes it as SENT. Null when nothing is left. */
export function writeDown(
  context: Context,
  claim: GateClaim,
  work: OfLicenses<NextWork>,
  limits: AppleLimits,
): Promise<WrittenCall | null> {
  const now = context.clock.now();
  return underGateClaim(context, claim, async (tx) => {
    // A cancel or revoke that came first has its say; one that comes now finds the licenses on their way.
    await lockPools(tx, claim.organizationId, sql`SELECT l.pool_id FROM license l WHERE ${waiting(claim, work)}`);
    const group = await largestGroup(tx, claim, work, limits);
    if (!group) return null;
    const poolIds = group.poolIds.slice(0, limits.maxAssets);
    const callId = await noteCall(tx, claim, work, { items: 0, assets: poolIds.length }, now);
    const items = await tx.$executeRaw(sql`
      UPDATE license l SET call_id = ${callId}, sends = sends + 1
      WHERE ${waiting(claim, work)} AND l.pool_id = ANY (${ids(poolIds)})
        AND ${group.isUser ? sql`l.client_user_id` : sql`l.serial_number`} = ANY (${texts(group.holders)})`);
    await tx.$executeRaw(
      sql`UPDATE apple_call SET items = ${items} WHERE organization_id = ${claim.organizationId} AND id = ${callId}`,
    );
    const assets = await tx.$queryRaw<{ adamId: string; pricingParam: string }[]>(sql`
      SELECT adam_id AS "adamId", pricing_param AS "pricingParam" FROM license_pool
      WHERE organization_id = ${claim.organizationId} AND id = ANY (${ids(poolIds)}) ORDER BY id`);
    const write = {
      assets,
      serialNumbers: group.isUser ? [] : group.holders,
      clientUserIds: group.isUser ? group.holders : [],
    };
    return { callId, write, items, sentAt: now };
  });
}

function waiting(token: TokenKey, work: OfLicenses<NextWork>) {
  const whose =
    work.kind === 'ASSOCIATE'
      ? sql`l.state = 'REQUESTED' AND l.task_id`
      : sql`l.state = 'REVOKE_REQUESTED' AND l.revoke_task_id`;
  return sql`l.organization_id = ${token.organizationId} AND l.token_id = ${token.tokenId} AND l.call_id IS NULL AND ${whose} = ${work.taskId}`;
}

async function largestGroup(
  tx: Tx,
  token: TokenKey,
  work: OfLicenses<NextWork>,
  limits: AppleLimits,
): Promise<Group | null> {
  const rows = await tx.$queryRaw<{ isUser: boolean; poolIds: bigint[]; holders: string[] }[]>(sql`
    WITH holder AS (
      SELECT coalesce(l.serial_number, l.client_user_id) AS name, l.serial_number IS NULL AS is_user, array_agg(l.pool_id ORDER BY l.pool_id) AS pools
      FROM license l WHERE ${waiting(token, work)} GROUP BY 1, 2
    ), largest AS (
      SELECT pools, is_user FROM holder GROUP BY pools, is_user ORDER BY count(*) DESC, pools LIMIT 1
    ), picked AS (
      SELECT h.name, h.is_user, h.pools FROM holder h JOIN largest USING (pools, is_user) ORDER BY h.name
      LIMIT CASE WHEN (SELECT is_user FROM largest) THEN ${limits.maxClientUserIds}::int ELSE ${limits.maxSerialNumbers}::int END
    )
    SELECT is_user AS "isUser", pools AS "poolIds", array_agg(name ORDER BY name) AS holders FROM picked GROUP BY is_user, pools`);
  return rows[0] ?? null;
}
