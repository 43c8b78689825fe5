import type { Context } from '../context.ts';
import { AppleFailure } from '../ports.ts';
import { settleSeatCall } from '../seat/settle.ts';
import type { GateClaim } from '../task/claim.ts';
import { traceTask } from '../task/trace.ts';
import { settleUserCall } from '../vpp-user/settle.ts';
import {
  type OpenCall as AnyCall,
  type Carried,
  carriedBy,
  dueCall,
  isOfSeats,
  isOfUsers,
  itemKey,
  maxSends,
  type OfLicenses,
} from './call.ts';
import { itemFailure, neverApplied } from './item-failure.ts';
import { readPresent } from './read-holders.ts';
import { settleCall, type Verdict } from './settle.ts';

type OpenCall = OfLicenses<AnyCall>;

/**
 * Settles a write of unknown outcome: what Apple's assignments show counts, and only what is missing is sent again.
 * False when none is due.
 */
export async function reconcileNext(context: Context, claim: GateClaim): Promise<boolean> {
  const call = await dueCall(context, claim, 'UNKNOWN');
  if (!call) return false;
  const task = { organizationId: claim.organizationId, taskId: call.taskId };
  await traceTask(context, task, context.correlationId, () =>
    isOfUsers(call)
      ? settleUserCall(context, claim, call, null)
      : isOfSeats(call)
        ? settleSeatCall(context, claim, call, null)
        : reconcile(context, claim, call as OpenCall),
  );
  return true;
}

async function reconcile(context: Context, claim: GateClaim, call: OpenCall): Promise<void> {
  const items = await carriedBy(context.prisma, claim.organizationId, call.id);
  const settled = { callId: call.id, taskId: call.taskId, kind: call.kind, eventId: call.eventId };
  await settleCall(context, claim, settled, await compare(context, claim, call, items));
}

async function compare(
  context: Context,
  claim: GateClaim,
  call: OpenCall,
  items: readonly Carried[],
): Promise<Verdict> {
  try {
    const present = await readPresent(context, claim, items);
    const isDone = (item: Carried) => present.has(itemKey(item)) === (call.kind === 'ASSOCIATE');
    // What Apple asked to try later was not taken: it does not wear out.
    const isWorn = (item: Carried) => !isDone(item) && call.errorNumber === null && item.sends >= maxSends;
    const failed = items.filter(isWorn).map((item) => ({ item, failure: neverApplied }));
    return { done: items.filter(isDone), failed, unsure: call.errorNumber === null };
  } catch (error) {
    const number = error instanceof AppleFailure && error.kind === 'REJECTED' ? error.appleErrorNumber : undefined;
    if (number === undefined) throw error;
    // Apple will never say what became of it: the next sync shows it, and nothing else has to wait.
    const failure = itemFailure(number, (error as AppleFailure).message);
    return { done: [], failed: items.map((item) => ({ item, failure })) };
  }
}
