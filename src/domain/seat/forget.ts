import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { countFor } from '../task/count-for.ts';
import type { TokenKey } from '../token/gate.ts';
import { moveSeats } from './transition.ts';

/**
 * Ends the seats of a token that goes away; they stay as they are at Apple, and so does what was declared there. Whoever
 * uploads the token again enables them again. Tasks, library and subscriptions are locked already; gives the tasks that
 * were counted for.
 */
export async function forgetSeats(context: Context, tx: Tx, { organizationId, tokenId }: TokenKey): Promise<bigint[]> {
  const now = context.clock.now();
  const mine = sql`organization_id = ${organizationId} AND token_id = ${tokenId}`;
  const where = sql`l.token_id = ${tokenId}`;
  const common = { organizationId, where, now, actor: context.actor, reason: 'TOKEN_REMOVED' };
  const held = await moveSeats(tx, 'REMOVE_HELD', common);
  const reserved = await moveSeats(tx, 'REMOVE_RESERVED', common);
  await tx.$executeRaw(sql`
    UPDATE seat_subscription SET gone_at = ${moment(now)}, status = 'INACTIVE', total_renewing = 0, total_expiring = 0,
      apple_assigned_renewing = 0, apple_assigned_expiring = 0, apple_available_renewing = 0, apple_available_expiring = 0
    WHERE ${mine} AND gone_at IS NULL`);
  await tx.$executeRaw(sql`
    UPDATE seat_library SET enabled_at = NULL, due_at = NULL, read_at = NULL, sweep = sweep + 1 WHERE ${mine}`);
  return [
    ...(await countFor(tx, organizationId, reserved, 'taskId', 'failed')),
    ...(await countFor(tx, organizationId, reserved, 'removalTaskId', 'failed', { unfinished: true })),
    ...(await countFor(tx, organizationId, held, 'removalTaskId', 'failed', { unfinished: true })),
  ];
}
