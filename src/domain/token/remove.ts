import { z } from 'zod';
import { ring } from '../../db/notify.ts';
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { flattenMetadata } from '../app/flatten-metadata.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { TokenHoldsLicensesError } from '../errors.ts';
import { countFor } from '../license/count-done.ts';
import { lockPools, type Moved, transition } from '../license/transition.ts';
import { parseInput } from '../parse.ts';
import { forgetSeen } from '../sync/seen.ts';
import { endTask } from '../task/change.ts';
import { lockTasksOfToken } from '../task/of-token.ts';
import { endSettledTasks } from '../task/settle.ts';
import { findToken, lockTokens } from './find.ts';
import type { TokenKey } from './gate.ts';

interface OpenTask {
  id: bigint;
  kind: string;
}

const inputSchema = z.object({ tokenId: z.bigint(), confirm: z.boolean().nullish() });

/**
 * Removes the token and forgets its secret. Its licenses end here as TOKEN_REMOVED and stay as they are at Apple;
 * with any held, `confirm: true` is needed. An upload of the same library revives it with its history.
 * Throws TOKEN_HOLDS_LICENSES, NOT_FOUND.
 */
export async function removeToken(
  context: Context,
  rawInput: z.input<typeof inputSchema>,
): Promise<{ tokenId: bigint; licensesLeft: bigint }> {
  requireRight(context, 'tokens:write');
  const input = parseInput(inputSchema, rawInput);
  const organizationId = context.actor.organizationId;
  const key: TokenKey = { organizationId, tokenId: input.tokenId };
  const licensesLeft = await transaction(context, async (tx) => {
    await lockTokens(context, tx);
    await findToken(context, tx, input.tokenId);
    await tx.$queryRaw(
      sql`SELECT 1 FROM token_gate WHERE organization_id = ${organizationId} AND token_id = ${key.tokenId} FOR UPDATE`,
    );
    const tasks = await lockTasksOfToken(tx, key);
    await lockPools(
      tx,
      organizationId,
      sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND token_id = ${key.tokenId}`,
    );
    const live = await countLive(tx, key);
    if (live > 0n && !input.confirm) throw new TokenHoldsLicensesError(live);
    await stopSyncs(tx, key);
    const ended = await endLicenses(context, tx, key);
    await forgetToken(tx, key, context.clock.now());
    await flattenMetadata(tx, organizationId, null);
    await failTasks(tx, organizationId, tasks, ended, context.clock.now());
    await recordAudit(context, tx, {
      action: 'token.remove',
      subject: `token:${key.tokenId}`,
      data: { licensesLeft: ended.held.count, tasksEnded: tasks.length },
    });
    await ring(tx, { organizationId, kind: 'counts' });
    return BigInt(ended.held.count);
  });
  await forgetSeen(context, key);
  return { tokenId: key.tokenId, licensesLeft };
}

async function countLive(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<bigint> {
  const [row] = await tx.$queryRaw<{ count: bigint }[]>(sql`
    SELECT count(*) AS count FROM license WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND ended_at IS NULL`);
  return row!.count;
}

/** What is known of the library is to be read anew should the token come back. Before any task's end is told: locks in one order. */
async function stopSyncs(tx: Tx, { organizationId, tokenId }: TokenKey): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE token_sync SET assets_version = NULL, assignments_version = NULL, completeness = 'NEVER', synced_at = NULL,
      sweep_task_id = NULL, rerun = false
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
}

/** What ended with the token. */
interface Ended {
  /** Licenses that stay at Apple. */
  held: Moved;
  /** Licenses that Apple had not confirmed. */
  reserved: Moved;
}

/** Ends the licenses, and the calls that nobody will ask about any more. */
async function endLicenses(context: Context, tx: Tx, { organizationId, tokenId }: TokenKey): Promise<Ended> {
  const now = context.clock.now();
  const where = sql`l.token_id = ${tokenId}`;
  const common = { organizationId, where, now, actor: context.actor, reason: 'TOKEN_REMOVED' };
  const held = await transition(tx, 'REMOVE_HELD', common);
  const reserved = await transition(tx, 'REMOVE_RESERVED', common);
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'SETTLED', settled_at = ${moment(now)}, next_poll_at = NULL
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`);
  return { held, reserved };
}

/** The secret goes; of the pools nothing is known any more. */
async function forgetToken(tx: Tx, { organizationId, tokenId }: TokenKey, now: Date): Promise<void> {
  const mine = sql`organization_id = ${organizationId} AND token_id = ${tokenId}`;
  await tx.$executeRaw(sql`
    UPDATE token SET removed_at = ${moment(now)}, secret_jwe = NULL, key_id = NULL, file_hash = NULL
    WHERE organization_id = ${organizationId} AND id = ${tokenId}`);
  await tx.$executeRaw(sql`UPDATE token_gate SET claim = claim + 1, suspended_until = NULL WHERE ${mine}`);
  await tx.$executeRaw(sql`
    UPDATE license_pool SET gone_at = ${moment(now)}, total = 0, retired = 0, unlimited = false, apple_assigned = 0, apple_available = 0
    WHERE ${mine}`);
}

const cause = {
  code: 'TOKEN_REMOVED',
  message: 'The token was removed while the task was under way.',
  appleErrorNumber: null,
};

async function failTasks(
  tx: Tx,
  organizationId: bigint,
  tasks: readonly OpenTask[],
  { held, reserved }: Ended,
  now: Date,
): Promise<void> {
  // A task that began while the pools' locks were waited for is known by its licenses only.
  const touched = [
    ...(await countFor(tx, organizationId, reserved, 'taskId', 'failed')),
    ...(await countFor(tx, organizationId, reserved, 'revokeTaskId', 'failed')),
    ...(await countFor(tx, organizationId, held, 'revokeTaskId', 'failed')),
  ];
  for (const task of tasks) {
    if (task.kind === 'SYNC') await endTask(tx, { organizationId, taskId: task.id }, { state: 'FAILED', cause }, now);
  }
  const writing = tasks.filter((task) => task.kind !== 'SYNC').map((task) => task.id);
  await endSettledTasks(tx, organizationId, [...new Set([...writing, ...touched])], now, cause);
}
