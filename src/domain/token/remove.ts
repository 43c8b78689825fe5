import { z } from 'zod';
import { ring } from '../../db/notify.ts';
import { type Tx, moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { TokenHoldsLicensesError } from '../errors.ts';
import { countFor } from '../license/count-done.ts';
import { type Moved, lockPools, transition } from '../license/transition.ts';
import { parseInput } from '../parse.ts';
import { endTask } from '../task/change.ts';
import { lockTasksOfToken } from '../task/of-token.ts';
import { endSettledTasks } from '../task/settle.ts';
import { findToken } from './find.ts';

const inputSchema = z.object({ tokenId: z.bigint(), confirm: z.boolean().nullish() });

/**
 * Removes the token and forgets its secret. Its licenses end here as TOKEN_REMOVED and stay as they are at Apple;
 * with any held, `confirm: true` is needed. An upload of the same library revives it with its history.
 * Throws TOKEN_HOLDS_LICENSES, NOT_FOUND.
 */
export async function removeToken(context: Context, rawInput: z.input<typeof inputSchema>): Promise<{ tokenId: bigint; licensesLeft: bigint }> {
  requireRight(context, 'tokens:write');
  const input = parseInput(inputSchema, rawInput);
  const organizationId = context.actor.organizationId;
  const now = context.clock.now();
  return transaction(context, async (tx) => {
    await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${organizationId} FOR NO KEY UPDATE`);
    const token = await findToken(context, tx, input.tokenId);
    await tx.$queryRaw(sql`SELECT 1 FROM token_gate WHERE organization_id = ${organizationId} AND token_id = ${token.id} FOR UPDATE`);
    const tasks = await lockTasksOfToken(tx, { organizationId, tokenId: token.id });
    await lockPools(tx, organizationId, sql`SELECT id FROM license_pool WHERE organization_id = ${organizationId} AND token_id = ${token.id}`);
    const where = sql`l.token_id = ${token.id}`;
    const common = { organizationId, where, now, actor: context.actor, reason: 'TOKEN_REMOVED' };
    const held = await transition(tx, 'REMOVE_HELD', common);
    const reserved = await transition(tx, 'REMOVE_RESERVED', common);
    if (held.count + reserved.count > 0 && !input.confirm) throw new TokenHoldsLicensesError(BigInt(held.count + reserved.count));
    await failTasks(tx, organizationId, tasks, [held, reserved], now);
    await tx.$executeRaw(sql`
      UPDATE token SET removed_at = ${moment(now)}, secret_jwe = NULL, key_id = NULL, file_hash = NULL
      WHERE organization_id = ${organizationId} AND id = ${token.id}`);
    await tx.$executeRaw(sql`UPDATE token_gate SET claim = claim + 1, suspended_until = NULL WHERE organization_id = ${organizationId} AND token_id = ${token.id}`);
    await tx.$executeRaw(sql`
      UPDATE token_sync SET assets_version = NULL, assignments_version = NULL, completeness = 'NEVER', sweep_task_id = NULL, rerun = false
      WHERE organization_id = ${organizationId} AND token_id = ${token.id}`);
    await recordAudit(context, tx, { action: 'token.remove', subject: `token:${token.id}`, data: { licensesLeft: held.count, tasksEnded: tasks.length } });
    await ring(tx, { organizationId, kind: 'counts' });
    return { tokenId: token.id, licensesLeft: BigInt(held.count) };
  });
}

const cause = { code: 'TOKEN_REMOVED', message: 'The token was removed while the task was under way.', appleErrorNumber: null };

async function failTasks(tx: Tx, organizationId: bigint, tasks: { id: bigint; kind: string }[], moved: [Moved, Moved], now: Date): Promise<void> {
  const [held, reserved] = moved;
  await countFor(tx, organizationId, reserved, 'taskId', 'failed');
  await countFor(tx, organizationId, reserved, 'revokeTaskId', 'failed');
  await countFor(tx, organizationId, held, 'revokeTaskId', 'failed');
  for (const task of tasks) {
    if (task.kind === 'SYNC') await endTask(tx, { organizationId, taskId: task.id }, { state: 'FAILED', cause }, now);
  }
  await endSettledTasks(tx, organizationId, tasks.filter((task) => task.kind !== 'SYNC').map((task) => task.id), now, cause);
}
