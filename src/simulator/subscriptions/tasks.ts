/** What one task of a subscription event does. @module */
import type { AppleEvent, EventTask } from '../apple/events.ts';
import type { OrganizationalUnit } from '../apple/organizational-unit.ts';
import type { SimulatorOptions } from '../options.ts';

/** Does one task; the answer is an error number, or undefined for success. Notes in the task whether its seat renews. */
export function runSubscriptionTask(
  unit: OrganizationalUnit,
  options: SimulatorOptions,
  event: AppleEvent,
  task: EventTask,
): number | undefined {
  if (!unit.book.subscriptions.has(task.asset!.adamId)) return 9813;
  return event.type === 'ASSOCIATE' ? give(unit, options, event, task) : take(unit, event, task);
}

function give(
  { book, users }: OrganizationalUnit,
  options: SimulatorOptions,
  event: AppleEvent,
  task: EventTask,
): number | undefined {
  const subscription = book.subscriptions.get(task.asset!.adamId)!;
  const renewing = event.subscription?.renewing ?? true;
  const { adamId } = subscription;
  const clientUserId = task.target.id;
  task.renewing = renewing;
  if (subscription.status !== 'ACTIVE') return 9811;
  if (users.active(clientUserId)?.status !== 'Associated') return 9814;
  const known = book.seat(adamId, clientUserId);
  const sameKind = known?.renewing === renewing;
  if (!sameKind && book.available(subscription)[renewing ? 'renewing' : 'expiring'] === 0) {
    return options.subscriptionNoSeatNumber;
  }
  book.give({ adamId, clientUserId, renewing, ...(known?.viaGroup ? { viaGroup: true } : {}) });
  return undefined;
}

function take({ book }: OrganizationalUnit, event: AppleEvent, task: EventTask): number | undefined {
  const seat = book.seat(task.asset!.adamId, task.target.id);
  if (!seat) return 9815;
  task.renewing = seat.renewing;
  if (seat.viaGroup) return 9817;
  if (event.subscription?.deferred) book.give({ ...seat, leavesWith: event.id });
  else book.take(seat);
  return undefined;
}
