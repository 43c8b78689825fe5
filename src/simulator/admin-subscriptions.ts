/** Control of subscriptions: what managers buy, and what groups give. @module */
import type { SimulatorAdmin, SubscriptionTruth } from './admin-types.ts';
import type { OrganizationalUnit } from './apple/organizational-unit.ts';
import type { World } from './apple/world.ts';
import type { Subscription } from './subscriptions/book.ts';
import { countFields } from './subscriptions/shapes.ts';

type Verb = 'subscriptions' | 'buySubscription' | 'setSubscription' | 'giveSubscription';

const dayMs = 24 * 60 * 60 * 1000;

/** The verbs on subscriptions. */
export function subscriptionVerbs(world: World): Pick<SimulatorAdmin, Verb> {
  return {
    subscriptions: ({ uId }) => {
      const { book } = unitOf(world, uId);
      const rows = [...book.subscriptions.values()].map((one) => truth(world, uId, one));
      return { enabled: book.enabled, subscriptions: rows, seats: book.seats(), admins: book.admins() };
    },
    buySubscription: ({ uId, adamId, parentAdamId, renewing = 0, expiring = 0, periodDays, periodEnd }) => {
      const unit = unitOf(world, uId);
      if (!unit.book.enabled) throw new Error(`${uId} did not enable subscriptions`);
      const known = unit.book.subscriptions.get(adamId);
      const days = periodDays ?? known?.periodDays ?? 30;
      const running = known && known.status !== 'INACTIVE' ? known.periodEnd : undefined;
      const bought = unit.book.buy({
        adamId,
        parentAdamId: parentAdamId ?? known?.parentAdamId ?? adamId,
        periodDays: days,
        periodEnd: periodEnd === undefined ? (running ?? world.now() + days * dayMs) : Date.parse(periodEnd),
        seats: { renewing, expiring },
      });
      tell(world, unit, bought);
      return truth(world, uId, bought);
    },
    setSubscription: ({ uId, adamId, status }) => {
      const { unit, subscription } = subscriptionOf(world, uId, adamId);
      unit.book.setStatus(subscription, status);
      world.changes++;
      return truth(world, uId, subscription);
    },
    giveSubscription: ({ uId, ...seat }) => {
      const { unit, subscription } = subscriptionOf(world, uId, seat.adamId);
      unit.book.give({ renewing: true, ...seat });
      world.changes++;
      return truth(world, uId, subscription);
    },
  };
}

function tell(world: World, unit: OrganizationalUnit, subscription: Subscription): void {
  world.changes++;
  const fields = countFields(unit.book, subscription);
  world.notify({ uId: unit.uId, type: 'SUBSCRIPTION_COUNT', fields }, world.now());
}

function truth(world: World, uId: string, subscription: Subscription): SubscriptionTruth {
  const { book } = unitOf(world, uId);
  const { periodEnd, total, ...rest } = subscription;
  return {
    ...rest,
    total: { ...total },
    periodEnd: new Date(periodEnd).toISOString(),
    assigned: { ...book.assigned(subscription.adamId) },
    available: book.available(subscription),
  };
}

function subscriptionOf(world: World, uId: string, adamId: string) {
  const unit = unitOf(world, uId);
  const subscription = unit.book.subscriptions.get(adamId);
  if (!subscription) throw new Error(`${uId} has no subscription ${adamId}`);
  return { unit, subscription };
}

function unitOf(world: World, uId: string): OrganizationalUnit {
  world.settle();
  const unit = world.units.get(uId);
  if (!unit) throw new Error(`no library ${uId}`);
  return unit;
}
