import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { countFor } from '../task/count-for.ts';
import type { LicenseCallKind } from './call.ts';
import { transition } from './transition.ts';

/** A call of which Apple did nothing, or not all. */
export interface UndoneCall {
  organizationId: bigint;
  callId: bigint;
  kind: LicenseCallKind;
  /** Lists did not show it, and Apple did not say that it was refused: it may still come. */
  unsure?: boolean | undefined;
}

/**
 * Puts back what a call carried and Apple did not do, to be sent again. What nobody wants any more, because its task was
 * cancelled or a revoke waits behind it, is stopped here, unless Apple may still be at it: then its next answer ends it, lest the
 * seat is given away while the license comes. The tasks and pools are locked already.
 */
export async function putBack(context: Context, tx: Tx, call: UndoneCall, now: Date): Promise<void> {
  const { organizationId, callId, unsure = false } = call;
  const carried = sql`l.call_id = ${callId}`;
  const common = { organizationId, now, actor: context.actor };
  if (call.kind === 'ASSOCIATE') {
    const stopped = await transition(tx, 'FAIL', {
      ...common,
      where: sql`${carried} AND NOT ${unsure} AND (l.revoke_task_id IS NOT NULL OR ${isCancelled('task_id')})`,
      reason: 'CANCELLED',
      failure: { code: 'CANCELLED', message: 'Cancelled or revoked before Apple had done it.', of: 'taskId' },
    });
    await countFor(tx, organizationId, stopped, 'taskId', 'failed');
    await countFor(tx, organizationId, stopped, 'revokeTaskId', 'completed');
    await transition(tx, 'RESEND', { ...common, where: carried, reason: 'NOT_APPLIED' });
  } else {
    const kept = await transition(tx, 'KEEP', {
      ...common,
      where: sql`${carried} AND NOT ${unsure} AND ${isCancelled('revoke_task_id')}`,
      reason: 'CANCELLED',
      failure: { code: 'CANCELLED', message: 'Cancelled before Apple had taken it back.', of: 'revokeTaskId' },
    });
    await countFor(tx, organizationId, kept, 'revokeTaskId', 'failed');
    await transition(tx, 'RESEND_REVOKE', { ...common, where: carried, reason: 'NOT_APPLIED' });
  }
  // Ones that Apple never accepted are in their first state still.
  await tx.$executeRaw(sql`
    UPDATE license l SET call_id = NULL WHERE l.organization_id = ${organizationId} AND ${carried}
      AND l.state IN ('REQUESTED', 'REVOKE_REQUESTED')`);
}

function isCancelled(column: 'task_id' | 'revoke_task_id') {
  const task = column === 'task_id' ? sql`l.task_id` : sql`l.revoke_task_id`;
  return sql`EXISTS (SELECT 1 FROM task t WHERE t.organization_id = l.organization_id AND t.id = ${task} AND t.cancel_requested_at IS NOT NULL)`;
}
