/** The subscriptions of one library: seats that renew or expire at the end of a period, and who holds them. @module */

/** Seats by what happens to them at the end of the period. */
export interface SeatCounts {
  renewing: number;
  expiring: number;
}

/** One subscription that was bought into the library. */
export interface Subscription {
  adamId: string;
  /** The app that it belongs to. */
  parentAdamId: string;
  status: 'ACTIVE' | 'INACTIVE' | 'PAUSED';
  /** When the period ends, in milliseconds since 1970. */
  periodEnd: number;
  periodDays: number;
  total: SeatCounts;
}

/** A seat that somebody holds. */
export interface SubscriptionSeat {
  adamId: string;
  clientUserId: string;
  renewing: boolean;
  /** Given to a group that the person is in; only the group can lose it. */
  viaGroup?: boolean;
  /** The event that takes it back at the end of the period. */
  leavesWith?: string;
}

/** Somebody who manages a subscription. */
export interface SubscriptionAdmin {
  adamId: string;
  clientUserId: string;
}

/** What the end of a period did. */
export interface PeriodEnd {
  at: number;
  subscription: Subscription;
  /** Seats that a deferred disassociation took back. */
  taken: SubscriptionSeat[];
}

/** What of it survives a restart. */
export interface BookSnapshot {
  enabled: boolean;
  subscriptions: Subscription[];
  seats: SubscriptionSeat[];
  admins: SubscriptionAdmin[];
}

const dayMs = 24 * 60 * 60 * 1000;

export class SubscriptionBook {
  /** Whether the library's client declared that it handles subscriptions. */
  enabled = false;
  readonly subscriptions = new Map<string, Subscription>();
  readonly #seats = new Map<string, SubscriptionSeat>();
  readonly #admins = new Map<string, SubscriptionAdmin>();
  readonly #assigned = new Map<string, SeatCounts>();
  readonly #touch: () => void;

  /** `touch` counts the version up. */
  constructor(touch: () => void) {
    this.#touch = touch;
  }

  /** Buys seats, or takes them away with negative numbers; never fewer than none. */
  buy(order: Omit<Subscription, 'status' | 'total'> & { seats: SeatCounts }): Subscription {
    const { seats, ...terms } = order;
    const known = this.subscriptions.get(order.adamId);
    const before = known?.total ?? { renewing: 0, expiring: 0 };
    const total = {
      renewing: Math.max(0, before.renewing + seats.renewing),
      expiring: Math.max(0, before.expiring + seats.expiring),
    };
    const status = known?.status === 'PAUSED' ? 'PAUSED' : 'ACTIVE';
    const bought: Subscription = { ...terms, status, total };
    this.subscriptions.set(order.adamId, bought);
    this.#touch();
    return bought;
  }

  /** Pauses, ends or resumes one. */
  setStatus(subscription: Subscription, status: Subscription['status']): void {
    subscription.status = status;
    this.#touch();
  }

  assigned(adamId: string): SeatCounts {
    return this.#assigned.get(adamId) ?? { renewing: 0, expiring: 0 };
  }

  /** Seats that nobody holds. */
  available({ adamId, total }: Subscription): SeatCounts {
    const assigned = this.assigned(adamId);
    return {
      renewing: Math.max(0, total.renewing - assigned.renewing),
      expiring: Math.max(0, total.expiring - assigned.expiring),
    };
  }

  seats(): SubscriptionSeat[] {
    return [...this.#seats.values()];
  }

  seat(adamId: string, clientUserId: string): SubscriptionSeat | undefined {
    return this.#seats.get(keyOf({ adamId, clientUserId }));
  }

  /** Gives a seat, or replaces what is said of one. */
  give(seat: SubscriptionSeat): void {
    const known = this.seat(seat.adamId, seat.clientUserId);
    if (known) this.#count(known, -1);
    this.#seats.set(keyOf(seat), seat);
    this.#count(seat, 1);
    this.#touch();
  }

  /** Takes a seat back. */
  take(seat: SubscriptionSeat): void {
    if (!this.#seats.delete(keyOf(seat))) return;
    this.#count(seat, -1);
    this.#touch();
  }

  /** Takes everything back that a person holds. */
  takeFrom(clientUserId: string): void {
    for (const seat of this.seats()) if (seat.clientUserId === clientUserId) this.take(seat);
  }

  admins(): SubscriptionAdmin[] {
    return [...this.#admins.values()];
  }

  setAdmin(admin: SubscriptionAdmin, present: boolean): void {
    if (present) this.#admins.set(keyOf(admin), admin);
    else this.#admins.delete(keyOf(admin));
    this.#touch();
  }

  /** Ends the period of one: deferred and expiring seats go, the others renew. A paused one only moves on. */
  endPeriod(subscription: Subscription): PeriodEnd {
    const at = subscription.periodEnd;
    const mine = this.seats().filter((seat) => seat.adamId === subscription.adamId);
    const paused = subscription.status === 'PAUSED';
    const taken = paused ? [] : mine.filter((seat) => seat.leavesWith !== undefined);
    if (!paused) {
      for (const seat of mine) if (seat.leavesWith !== undefined || !seat.renewing) this.take(seat);
      subscription.total.expiring = 0;
    }
    if (paused || subscription.total.renewing > 0) subscription.periodEnd += subscription.periodDays * dayMs;
    else subscription.status = 'INACTIVE';
    this.#touch();
    return { at, subscription, taken };
  }

  snapshot(): BookSnapshot {
    const { enabled, subscriptions } = this;
    return { enabled, subscriptions: [...subscriptions.values()], seats: this.seats(), admins: this.admins() };
  }

  restore({ enabled, subscriptions, seats, admins }: BookSnapshot): void {
    this.enabled = enabled;
    for (const subscription of subscriptions) this.subscriptions.set(subscription.adamId, subscription);
    for (const seat of seats) this.give(seat);
    for (const admin of admins) this.setAdmin(admin, true);
  }

  #count({ adamId, renewing }: SubscriptionSeat, by: 1 | -1): void {
    const counts = { ...this.assigned(adamId) };
    counts[renewing ? 'renewing' : 'expiring'] += by;
    this.#assigned.set(adamId, counts);
  }
}

function keyOf({ adamId, clientUserId }: { adamId: string; clientUserId: string }): string {
  return `${adamId}:${clientUserId}`;
}
