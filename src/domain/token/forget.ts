/** The end of a token here: its secret goes at once, its licenses in blocks. Apple is asked nothing. @module */
import { enqueue } from '../../db/enqueue.ts';
import { ring } from '../../db/notify.ts';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { flattenMetadata } from '../app/flatten-metadata.ts';
import { type Context, type Services, systemContext } from '../context.ts';
import { lockPools, transition } from '../license/transition.ts';
import { forgetSeats } from '../seat/forget.ts';
import { lockSubscriptions } from '../seat/transition.ts';
import { lockSeatLibrary } from '../seat/wake.ts';
import { forgetSeen } from '../sync/seen.ts';
import { endTask } from '../task/change.ts';
import { countFor } from '../task/count-for.ts';
import { lockTasksOfToken } from '../task/of-token.ts';
import { endSettledTasks } from '../task/settle.ts';
import { lockPeople } from '../vpp-user/lock-people.ts';
import { failWrites } from '../vpp-user/writes.ts';
import { lockTokens } from './find.ts';
import type { TokenKey } from './gate.ts';

/** Licenses that one transaction ends. */
export const forgetBlock = 5_000;

const cause = {
  code: 'TOKEN_REMOVED',
  message: 'The token was removed while the task was under way.',
  appleErrorNumber: null,
};

/** A task that is not over. */
export interface OpenTask {
  id: bigint;
  kind: string;
}

/** Locks everything that hangs on the token, in the order of all locks; the organization is locked already. */
export async function lockAllOfToken(tx: Tx, key: TokenKey): Promise<OpenTask[]> {
  const { organizationId, tokenId } = key;
  await tx.$queryRaw(
    sql`SELECT 1 FROM token_gate WHERE organization_id = ${organizationId} AND token_id = ${tokenId} FOR UPDATE`,
  );
  const tasks = await lockTasksOfToken(tx, key);
  const pools = sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`;
  await lockPools(tx, organizationId, pools);
  await lockSeatLibrary(tx, key);
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT id FROM seat_subscription WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`,
  );
  // Whose writes end, and whose codes are forgotten.
  await lockPeople(
    tx,
    organizationId,
    sql`SELECT u.id FROM vpp_user u WHERE u.organization_id = ${organizationId} AND u.token_id = ${tokenId} AND (u.invite_jwe IS NOT NULL
      OR EXISTS (SELECT 1 FROM vpp_user_write w WHERE w.organization_id = u.organization_id AND w.user_id = u.id AND w.state = 'OPEN'))`,
  );
  return tasks;
}

/**
 * Removes the token: nobody can talk to Apple through it any more. The first block of its licenses ends with it; what is
 * more ends soon after, by {@link forgetLicenses}. Other tasks of the token end; `own` does not. All is locked already.
 */
export async function forgetToken(context: Context, tx: Tx, key: TokenKey, tasks: readonly OpenTask[]): Promise<void> {
  const { organizationId, tokenId } = key;
  const now = context.clock.now();
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'SETTLED', settled_at = ${moment(now)}, next_poll_at = NULL
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`);
  const { touched, more } = await endBlock(context, tx, key);
  const mine = sql`organization_id = ${organizationId} AND token_id = ${tokenId}`;
  await tx.$executeRaw(sql`UPDATE token_gate SET claim = claim + 1, suspended_until = NULL WHERE ${mine}`);
  await tx.$executeRaw(sql`
    UPDATE license_pool SET gone_at = ${moment(now)}, total = 0, retired = 0, unlimited = false, apple_assigned = 0, apple_available = 0
    WHERE ${mine}`);
  // Codes of open invitations are secrets of the library too; should the token come back, they are read again.
  await tx.$executeRaw(sql`
    UPDATE vpp_user SET invite_jwe = NULL, invite_key_id = NULL, invite_mark = NULL WHERE ${mine} AND invite_jwe IS NOT NULL`);
  const seats = await forgetSeats(context, tx, key);
  touched.push(...(await failWrites(tx, organizationId, sql`w.token_id = ${tokenId}`, cause, now)));
  await tx.$executeRaw(sql`
    UPDATE token SET removed_at = ${moment(now)}, secret_jwe = NULL, key_id = NULL, file_hash = NULL, removal_task_id = NULL,
      forget_at = ${moment(more ? now : null)}
    WHERE organization_id = ${organizationId} AND id = ${tokenId}`);
  await stopSyncs(tx, key);
  await flattenMetadata(tx, organizationId, null);
  if (more) await enqueue(tx, forgetJob(key));
  await ring(tx, { organizationId, kind: 'counts' });
  const own = ['SYNC', 'REMOVE_TOKEN'];
  for (const { id: taskId, kind } of tasks)
    if (own.includes(kind)) await endTask(tx, { organizationId, taskId }, { state: 'FAILED', cause }, now);
  const writing = tasks.filter((task) => !own.includes(task.kind)).map((task) => task.id);
  await endSettledTasks(tx, organizationId, [...new Set([...writing, ...touched, ...seats])], now, cause);
}

/** The job that ends what is left. */
export const forgetJob = ({ organizationId, tokenId }: TokenKey) => ({
  name: 'forget-licenses' as const,
  payload: { organizationId: String(organizationId), tokenId: String(tokenId) },
  key: `forget:${organizationId}:${tokenId}`,
});

/** Ends the licenses that a removed token still has, block by block. One that was uploaded again meanwhile keeps them. */
export async function forgetLicenses(services: Services, key: TokenKey, correlationId: string): Promise<void> {
  const context = systemContext(services, key.organizationId, 'forget', correlationId);
  while (await forgetNext(context, key));
  await forgetSeen(context, key);
}

function forgetNext(context: Context, key: TokenKey): Promise<boolean> {
  const { organizationId, tokenId } = key;
  return transaction(context, async (tx) => {
    await lockTokens(context, tx);
    const due = await tx.$queryRaw<unknown[]>(sql`
      SELECT 1 FROM token WHERE organization_id = ${organizationId} AND id = ${tokenId} AND removed_at IS NOT NULL AND forget_at IS NOT NULL`);
    if (due.length === 0) return false;
    const tasks = await lockAllOfToken(tx, key);
    const { touched, more } = await endBlock(context, tx, key);
    if (!more)
      await tx.$executeRaw(
        sql`UPDATE token SET forget_at = NULL WHERE organization_id = ${organizationId} AND id = ${tokenId}`,
      );
    const waiting = tasks.map((task) => task.id);
    await endSettledTasks(tx, organizationId, [...new Set([...waiting, ...touched])], context.clock.now(), cause);
    return more;
  });
}

/** What is known of the library is to be read anew should the token come back. */
async function stopSyncs(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET assets_version = NULL, assignments_version = NULL, completeness = 'NEVER', synced_at = NULL,
      sweep_task_id = NULL, rerun = false, users_version = NULL, users_sweep_version = NULL, users_next_page = NULL
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
}

/** Ends one block, seats that wait first, and counts it for the tasks that asked for them or took them back. */
async function endBlock(
  context: Context,
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
): Promise<{ touched: bigint[]; more: boolean }> {
  const rows = await tx.$queryRaw<{ id: bigint }[]>(sql`
    SELECT id FROM license WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND ended_at IS NULL
    ORDER BY state NOT IN ('REQUESTED', 'PENDING_AT_APPLE'), id LIMIT ${forgetBlock + 1}`);
  const block = rows.slice(0, forgetBlock).map((row) => row.id);
  const where = sql`l.id = ANY (${ids(block)})`;
  const common = { organizationId, where, now: context.clock.now(), actor: context.actor, reason: 'TOKEN_REMOVED' };
  const held = await transition(tx, 'REMOVE_HELD', common);
  const reserved = await transition(tx, 'REMOVE_RESERVED', common);
  // A task that began while the pools' locks were waited for is known by its licenses only.
  const touched = [
    ...(await countFor(tx, organizationId, reserved, 'taskId', 'failed')),
    ...(await countFor(tx, organizationId, reserved, 'revokeTaskId', 'failed')),
    ...(await countFor(tx, organizationId, held, 'revokeTaskId', 'failed')),
  ];
  return { touched, more: rows.length > forgetBlock };
}
