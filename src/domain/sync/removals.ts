/** Licenses that a whole sweep did not meet: ended when that is proved, marked when it is not. @module */
import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type Carried, itemKey } from '../license/call.ts';
import { readPresent } from '../license/read-holders.ts';
import { transition } from '../license/transition.ts';
import { type TaskClaim, underTaskClaim } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import type { SweepState } from './sweep-state.ts';

/** Licenses judged in one transaction. */
const block = 5_000;
/** Up to this many missing ones are looked up one by one when the library moved during the sweep. */
const lookUp = 20;

/** Ends or marks what is missing. */
export async function judgeMissing(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  sweep: SweepState,
): Promise<number> {
  let ended = 0;
  let after = 0n;
  for (;;) {
    const missing = await readMissing(context, token, sweep, after);
    if (missing.length === 0) return ended;
    after = missing[missing.length - 1]!.id;
    const gone = await provenGone(context, token, sweep, missing);
    ended += await underTaskClaim(context, claim, (tx) => endAndMark(context, tx, claim, sweep, missing, gone));
  }
}

/** `missed`: an earlier sweep did not meet it either, and none has since. */
type Missing = Carried & { missed: boolean };

function readMissing(context: Context, token: TokenKey, sweep: SweepState, after: bigint): Promise<Missing[]> {
  return context.prisma.$queryRaw<Missing[]>(sql`
    SELECT l.id, l.pool_id AS "poolId", l.adam_id AS "adamId", l.pricing_param AS "pricingParam", l.serial_number AS "serialNumber",
           l.client_user_id AS "clientUserId", l.app_id AS "appId", l.device_id AS "deviceId", NULL::bigint AS "revokeTaskId", 0 AS sends,
           coalesce(l.missed_at < ${moment(sweep.startedAt)}, false) AS missed
    FROM license l
    WHERE l.organization_id = ${token.organizationId} AND l.token_id = ${token.tokenId} AND l.state = 'CONFIRMED' AND l.ended_at IS NULL
      AND l.changed_at < ${moment(sweep.startedAt)} AND l.id > ${after}
      AND NOT EXISTS (SELECT 1 FROM sync_seen s WHERE s.organization_id = l.organization_id AND s.token_id = l.token_id AND s.license_id = l.id)
    ORDER BY l.id LIMIT ${block}`);
}

/** Which of them are gone for certain: the library stood still, Apple says so when asked, or it is the second sweep without them. */
async function provenGone(
  context: Context,
  token: TokenKey,
  sweep: SweepState,
  missing: readonly Missing[],
): Promise<Missing[]> {
  if (!sweep.moved) return [...missing];
  if (missing.length > lookUp) return missing.filter((item) => item.missed);
  const present = await readPresent(context, token, missing);
  return missing.filter((item) => !present.has(itemKey(item)));
}

async function endAndMark(
  context: Context,
  tx: Tx,
  claim: TaskClaim,
  sweep: SweepState,
  missing: readonly Missing[],
  gone: readonly Missing[],
): Promise<number> {
  const now = context.clock.now();
  const untouched = (items: readonly Missing[]) =>
    sql`l.id = ANY (${ids(items.map((item) => item.id))}) AND l.changed_at < ${moment(sweep.startedAt)}`;
  const moved = await transition(tx, 'GONE', {
    organizationId: claim.organizationId,
    where: untouched(gone),
    now,
    actor: context.actor,
    taskId: claim.taskId,
    reason: 'NOT_LISTED_BY_APPLE',
  });
  const proved = new Set(gone);
  const doubtful = missing.filter((item) => !proved.has(item));
  if (doubtful.length > 0) {
    await tx.$executeRaw(sql`
      UPDATE license l SET missed_at = ${moment(now)}
      WHERE l.organization_id = ${claim.organizationId} AND ${untouched(doubtful)} AND l.missed_at IS NULL AND l.state = 'CONFIRMED'`);
  }
  return moved.count;
}
