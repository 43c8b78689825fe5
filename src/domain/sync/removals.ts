/** Licenses that a whole sweep did not meet: ended when that is proved, marked when it is not. @module */
import { ids, moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
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

/** What a list was read for, and how far it can be trusted. */
export interface Judging {
  context: Context;
  token: TokenKey;
  /** The sync; null when a single asset was looked into. */
  taskId: bigint | null;
  /** Licenses that changed since then are not judged. */
  startedAt: Date;
  /** The library changed while it was read. */
  moved: boolean;
  /** One transaction of the work. */
  write: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
}

/** Ends or marks what a whole sweep did not meet. */
export async function judgeMissing(
  context: Context,
  claim: TaskClaim,
  token: TokenKey,
  sweep: SweepState,
): Promise<number> {
  const { startedAt, moved } = sweep;
  const write: Judging['write'] = (work) => underTaskClaim(context, claim, work);
  const judging = { context, token, taskId: claim.taskId, startedAt, moved, write };
  const unseen = sql`NOT EXISTS (SELECT 1 FROM sync_seen s WHERE s.organization_id = l.organization_id AND s.token_id = l.token_id AND s.license_id = l.id)`;
  return judge(judging, unseen);
}

/** Ends or marks the licenses `l` that a list did not have, as `unseen` says. Gives the number of those that ended. */
export async function judge(judging: Judging, unseen: Sql): Promise<number> {
  let ended = 0;
  let after = 0n;
  for (;;) {
    const missing = await readMissing(judging, unseen, after);
    if (missing.length === 0) return ended;
    after = missing[missing.length - 1]!.id;
    const gone = await provenGone(judging, missing);
    ended += await judging.write((tx) => endAndMark(tx, judging, missing, gone));
  }
}

/** `missed`: an earlier sweep did not meet it either, and none has since. */
type Missing = Carried & { missed: boolean };

function readMissing({ context, token, startedAt }: Judging, unseen: Sql, after: bigint): Promise<Missing[]> {
  return context.prisma.$queryRaw<Missing[]>(sql`
    SELECT l.id, l.pool_id AS "poolId", l.adam_id AS "adamId", l.pricing_param AS "pricingParam", l.serial_number AS "serialNumber",
           l.client_user_id AS "clientUserId", l.app_id AS "appId", l.device_id AS "deviceId", NULL::bigint AS "revokeTaskId", 0 AS sends,
           coalesce(l.missed_at < ${moment(startedAt)}, false) AS missed
    FROM license l
    WHERE l.organization_id = ${token.organizationId} AND l.token_id = ${token.tokenId} AND l.state = 'CONFIRMED' AND l.ended_at IS NULL
      AND l.changed_at < ${moment(startedAt)} AND l.id > ${after} AND ${unseen}
    ORDER BY l.id LIMIT ${block}`);
}

/** Which of them are gone for certain: the library stood still, Apple says so when asked, or it is the second sweep without them. */
async function provenGone({ context, token, moved }: Judging, missing: readonly Missing[]): Promise<Missing[]> {
  if (!moved) return [...missing];
  if (missing.length > lookUp) return missing.filter((item) => item.missed);
  const present = await readPresent(context, token, missing);
  return missing.filter((item) => !present.has(itemKey(item)));
}

async function endAndMark(
  tx: Tx,
  { context, token, taskId, startedAt }: Judging,
  missing: readonly Missing[],
  gone: readonly Missing[],
): Promise<number> {
  const now = context.clock.now();
  const { organizationId } = token;
  const untouched = (items: readonly Missing[]) =>
    sql`l.id = ANY (${ids(items.map((item) => item.id))}) AND l.changed_at < ${moment(startedAt)}`;
  const moved = await transition(tx, 'GONE', {
    organizationId,
    where: untouched(gone),
    now,
    actor: context.actor,
    taskId,
    reason: 'NOT_LISTED_BY_APPLE',
  });
  const proved = new Set(gone);
  const doubtful = missing.filter((item) => !proved.has(item));
  if (doubtful.length > 0) {
    await tx.$executeRaw(sql`
      UPDATE license l SET missed_at = ${moment(now)}
      WHERE l.organization_id = ${organizationId} AND ${untouched(doubtful)} AND l.missed_at IS NULL AND l.state = 'CONFIRMED'`);
  }
  return moved.count;
}
