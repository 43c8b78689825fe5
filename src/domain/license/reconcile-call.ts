import type { Context } from '../context.ts';
import type { GateClaim } from '../task/claim.ts';
import { traceTask } from '../task/trace.ts';
import { carriedBy, dueCall, itemKey, maxSends, type OpenCall } from './call.ts';
import { readPresent } from './read-holders.ts';
import { type ItemFailure, settleCall } from './settle.ts';

const neverApplied: ItemFailure = {
  code: 'APPLE_DOES_NOT_APPLY',
  message: `Apple took the request ${maxSends} times and did not apply it.`,
  appleErrorNumber: null,
};

/**
 * Settles a write of unknown outcome: what Apple's assignments show counts, and only what is missing is sent again.
 * False when none is due.
 */
export async function reconcileNext(context: Context, claim: GateClaim): Promise<boolean> {
  const call = await dueCall(context, claim, 'UNKNOWN');
  if (!call) return false;
  const task = { organizationId: claim.organizationId, taskId: call.taskId };
  await traceTask(context, task, context.correlationId, () => reconcile(context, claim, call));
  return true;
}

async function reconcile(context: Context, claim: GateClaim, call: OpenCall): Promise<void> {
  const items = await carriedBy(context.prisma, claim.organizationId, call.id);
  const present = await readPresent(context, claim, items);
  const wanted = call.kind === 'ASSOCIATE';
  const done = items.filter((item) => present.has(itemKey(item)) === wanted);
  const worn = items.filter((item) => present.has(itemKey(item)) !== wanted && item.sends >= maxSends);
  await settleCall(
    context,
    claim,
    { callId: call.id, taskId: call.taskId, kind: call.kind, eventId: call.eventId },
    {
      done,
      failed: worn.map((item) => ({ item, failure: neverApplied })),
    },
  );
}
