/**
 * Carries waiting notifications out, a few at once. By the machine's clock it goes by itself; a virtual clock is turned
 * by hand, so there somebody calls {@link Courier.deliverDue}. @module
 */
import type { ClientConfig } from '../apple/organizational-unit.ts';
import type { SimulatorOptions } from '../options.ts';
import { bodyOf, type Delivery } from './delivery.ts';
import type { Outbox } from './outbox.ts';
import { isDelivered, postNotification } from './post.ts';

/** What the courier needs of the world. */
export interface CourierWorld {
  now(): number;
  /** Does all event work that is due. */
  settle(): void;
  readonly options: SimulatorOptions;
  readonly outbox: Outbox;
  /** When anything happens next without being asked: a batch of an event, the end of a period. */
  nextEventAt(): number | undefined;
  /** What a client stored for a library. */
  configOf(uId: string): ClientConfig | undefined;
  /** Counts up when something changed that a state file holds. */
  changes: number;
}

/** What became of a round. */
export interface DeliveryReport {
  delivered: number;
  /** Attempts that failed; there may be another one. */
  refused: number;
  /** What waits now. */
  waiting: number;
}

/** Shortest and longest time between two looks at the queue, in milliseconds. */
const [soonest, latest] = [5, 100];

export class Courier {
  readonly #world: CourierWorld;
  readonly #carrying = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #delivered = 0;
  #refused = 0;

  constructor(world: CourierWorld) {
    this.#world = world;
  }

  /** Ends with the simulator: attempts under way are cut. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Begins to look at the queue by itself, in real time. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#look(), soonest).unref();
  }

  /** Stops for good and waits for what is under way. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#closing.abort();
    await Promise.all(this.#carrying);
  }

  /** Sends everything that is due now, unless paused, and waits until it has an outcome. */
  async deliverDue(): Promise<DeliveryReport> {
    this.#world.settle();
    const before = [this.#delivered, this.#refused] as const;
    if (!this.#world.outbox.paused) await this.#drain(() => this.#world.outbox.takeDue(this.#world.now()));
    return this.#report(before);
  }

  /** Sends these now, in this order, or all that wait; due or not, paused or not. */
  async deliver(numbers?: readonly number[]): Promise<DeliveryReport> {
    this.#world.settle();
    const before = [this.#delivered, this.#refused] as const;
    const wanted = [...(numbers ?? this.#world.outbox.waiting())];
    if (numbers) for (const n of wanted) await this.#carryIfThere(n);
    else await this.#drain(() => this.#takeFirst(wanted));
    return this.#report(before);
  }

  #look(): void {
    const { outbox } = this.#world;
    this.#world.settle();
    if (!outbox.paused) this.#fill(() => outbox.takeDue(this.#world.now()));
    const wait = (this.nextAt() ?? Number.POSITIVE_INFINITY) - this.#world.now();
    this.#timer = setTimeout(() => this.#look(), Math.min(latest, Math.max(soonest, wait))).unref();
  }

  /** When something happens next. */
  nextAt(): number | undefined {
    const moments = [this.#world.outbox.nextDueAt(), this.#world.nextEventAt()].filter((at) => at !== undefined);
    return moments.length > 0 ? Math.min(...moments) : undefined;
  }

  async #drain(take: () => Delivery | undefined): Promise<void> {
    this.#fill(take);
    while (this.#carrying.size > 0) {
      await Promise.race(this.#carrying);
      this.#fill(take);
    }
  }

  #fill(take: () => Delivery | undefined): void {
    while (this.#carrying.size < this.#world.options.notificationConcurrency) {
      const delivery = take();
      if (!delivery) return;
      const carried = this.#carry(delivery).finally(() => this.#carrying.delete(carried));
      this.#carrying.add(carried);
    }
  }

  #takeFirst(wanted: number[]): Delivery | undefined {
    for (;;) {
      const n = wanted.shift();
      if (n === undefined) return undefined;
      const delivery = this.#world.outbox.take(n);
      if (delivery) return delivery;
    }
  }

  async #carryIfThere(n: number): Promise<void> {
    const delivery = this.#world.outbox.take(n);
    if (delivery) await this.#carry(delivery);
  }

  async #carry(delivery: Delivery): Promise<void> {
    const { outbox, options } = this.#world;
    const config = this.#world.configOf(delivery.uId);
    const { url, token } = delivery.address ?? { url: config?.notificationUrl, token: config?.notificationAuthToken };
    if (!url) return outbox.finish(delivery, 'dropped');
    const at = this.#world.now();
    const attempt = await postNotification({
      url,
      authorization: `Bearer ${token}`,
      body: JSON.stringify(bodyOf(delivery)),
      timeoutMs: options.notificationTimeoutMs,
      signal: this.signal,
    });
    if (this.signal.aborted) return;
    delivery.attempts.push({ at: new Date(at).toISOString(), ...attempt });
    this.#world.changes++;
    this.#settleAttempt(delivery, isDelivered(attempt));
  }

  #settleAttempt(delivery: Delivery, delivered: boolean): void {
    const { outbox, options } = this.#world;
    if (delivered) this.#delivered++;
    else this.#refused++;
    if (delivered) outbox.finish(delivery, 'delivered');
    else if (delivery.attempts.length >= options.notificationAttempts) outbox.finish(delivery, 'failed');
    else outbox.retry(delivery, this.#world.now() + this.#retryWait());
  }

  #retryWait(): number {
    const { notificationRetryMinMs: least, notificationRetryMaxMs: most } = this.#world.options;
    return least + Math.floor(this.#world.outbox.random.next() * Math.max(0, most - least));
  }

  #report([delivered, refused]: readonly [number, number]): DeliveryReport {
    return {
      delivered: this.#delivered - delivered,
      refused: this.#refused - refused,
      waiting: this.#world.outbox.waiting().length,
    };
  }
}
