/** Notifications that wait for their moment, in order, and a bounded memory of those that had it. @module */
import type { Random } from '../random.ts';
import type { Delivery, DeliveryState, Draft } from './delivery.ts';

/** Finished deliveries kept; the oldest go first. */
const finishedKept = 5_000;

/** When and how a notification leaves. */
export interface Departure {
  at: number;
  /** How long after `at` it is due. */
  delay: number;
  /** An id that was used before, for a repeated message. */
  notificationId?: string;
  /** Whether it overtakes the one that was waiting last. */
  overtakes?: boolean;
}

/** Which deliveries somebody wants to see. */
export interface DeliveryQuery {
  /** Only those numbered after this one. */
  since?: number;
  uId?: string;
  type?: string;
  state?: DeliveryState;
  limit?: number;
}

/** What of an outbox survives a restart. */
export interface OutboxSnapshot {
  last: number;
  random: number;
  paused: boolean;
  waiting: Delivery[];
}

export class Outbox {
  /** While true nothing leaves by itself. */
  paused = false;
  readonly random: Random;
  #last = 0;
  #waiting: Delivery[] = [];
  #sending = new Set<Delivery>();
  #finished: Delivery[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** Notifications that are not over. */
  get open(): number {
    return this.#waiting.length + this.#sending.size;
  }

  /** Puts a notification in its place. */
  add(draft: Draft, departure: Departure): Delivery {
    const delivery = this.#make(draft, departure);
    const before = departure.overtakes ? this.#waiting.findLast((other) => other.uId === draft.uId) : undefined;
    if (before) Object.assign(delivery, { dueAt: before.dueAt, place: before.place - 0.5 });
    this.#insert(delivery);
    return delivery;
  }

  /** Notes one that is sent at once, beside the queue, or not at all. */
  note(draft: Draft, at: number, state: DeliveryState, notificationId?: string): Delivery {
    const delivery = this.#make(draft, { at, delay: 0, ...(notificationId ? { notificationId } : {}) });
    delivery.state = state;
    this.#remember(delivery);
    return delivery;
  }

  /** When the first waiting one is due. */
  nextDueAt(): number | undefined {
    return this.#waiting[0]?.dueAt;
  }

  /** Takes the first one that is due by `now` out, to be sent. */
  takeDue(now: number): Delivery | undefined {
    const first = this.#waiting[0];
    if (!first || first.dueAt > now) return undefined;
    this.#waiting.shift();
    return this.#send(first);
  }

  /** Takes one out by its number, due or not. */
  take(n: number): Delivery | undefined {
    const index = this.#waiting.findIndex((delivery) => delivery.n === n);
    return index < 0 ? undefined : this.#send(this.#waiting.splice(index, 1)[0]!);
  }

  /** Numbers of all that wait, first due first. */
  waiting(): number[] {
    return this.#waiting.map((delivery) => delivery.n);
  }

  /** Ends one that was taken out. */
  finish(delivery: Delivery, state: DeliveryState): void {
    this.#sending.delete(delivery);
    delivery.state = state;
    this.#remember(delivery);
  }

  /** Puts one that was taken out back, for another attempt. */
  retry(delivery: Delivery, dueAt: number): void {
    this.#sending.delete(delivery);
    delivery.state = 'waiting';
    delivery.dueAt = dueAt;
    this.#insert(delivery);
  }

  /** Deliveries by number. */
  list(query: DeliveryQuery = {}): Delivery[] {
    const all = [...this.#finished, ...this.#sending, ...this.#waiting].sort((a, b) => a.n - b.n);
    const found = all.filter(
      (one) =>
        one.n > (query.since ?? 0) &&
        (query.uId ?? one.uId) === one.uId &&
        (query.type ?? one.type) === one.type &&
        (query.state ?? one.state) === one.state,
    );
    return query.limit === undefined ? found : found.slice(0, query.limit);
  }

  /** Forgets those that are over. */
  clearFinished(): void {
    this.#finished = [];
  }

  snapshot(): OutboxSnapshot {
    const unsent = [...this.#sending, ...this.#waiting].map((one) => ({ ...one, state: 'waiting' as const }));
    return { last: this.#last, random: this.random.state(), paused: this.paused, waiting: unsent };
  }

  restore({ last, random, paused, waiting }: OutboxSnapshot): void {
    this.#last = last;
    this.random.restore(random);
    this.paused = paused;
    for (const delivery of waiting) this.#insert(delivery);
  }

  #make(draft: Draft, { at, delay, notificationId }: Departure): Delivery {
    const n = ++this.#last;
    return {
      ...draft,
      n,
      notificationId: notificationId ?? this.random.uuid(),
      createdAt: at,
      dueAt: at + delay,
      place: n,
      state: 'waiting',
      attempts: [],
    };
  }

  #send(delivery: Delivery): Delivery {
    delivery.state = 'sending';
    this.#sending.add(delivery);
    return delivery;
  }

  #insert(delivery: Delivery): void {
    let index = this.#waiting.length;
    while (index > 0 && isAfter(this.#waiting[index - 1]!, delivery)) index--;
    this.#waiting.splice(index, 0, delivery);
  }

  #remember(delivery: Delivery): void {
    this.#finished.push(delivery);
    if (this.#finished.length > finishedKept * 1.1) this.#finished = this.#finished.slice(-finishedKept);
  }
}

function isAfter(one: Delivery, other: Delivery): boolean {
  return one.dueAt > other.dueAt || (one.dueAt === other.dueAt && one.place > other.place);
}
