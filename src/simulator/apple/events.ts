/**
 * The engine behind `eventId`. Nothing runs on timers: whoever looks first calls `settle(now)`, and every batch that
 * was due by then happens at its own moment and in request order. So a virtual clock needs no help. @module
 */
import type { PricingParam } from '../scenarios/types.ts';
import type { ErrorInfo } from './errors.ts';
import type { Target } from './organizational-unit.ts';

/** Apple's kinds of event: the first three change licenses, the others users. */
export type EventType = 'ASSOCIATE' | 'DISASSOCIATE' | 'REVOKE' | 'CREATE' | 'UPDATE' | 'RETIRE';

/** An asset by its key. */
export interface AssetRef {
  adamId: string;
  pricingParam: PricingParam;
}

/** A user as a write names it. */
export interface UserOrder {
  clientUserId: string;
  email?: string;
  managedAppleId?: string;
}

/** One asset for one target, or one user. */
export interface EventTask {
  /** Absent when the task is about a user. */
  asset?: AssetRef;
  target: Target;
  user?: UserOrder;
  /** Whether the seat of a subscription renews; noted when the task runs. */
  renewing?: boolean;
}

/** A misfortune that was ordered for one event. */
export interface EventPlan {
  /** Stays PENDING for ever once so many tasks are done. */
  stuckAfter?: number;
  /** Every task after so many fails. */
  failAfter?: number;
  /** Tasks of these serial numbers or users fail. */
  failTargets?: string[];
  /** The error number of ordered failures; 9603 unless said. */
  errorNumber?: number;
}

/** One accepted write. Its tasks are assets × targets, unless `pairs` lists them (a revoke). */
export interface AppleEvent {
  id: string;
  uId: string;
  type: EventType;
  assets: AssetRef[];
  targets: Target[];
  pairs?: EventTask[];
  /** Present when `assets` are subscriptions. */
  subscription?: { renewing?: boolean; deferred?: boolean };
  /** Users to create, update or retire. */
  users?: UserOrder[];
  acceptedAt: number;
  numRequested: number;
  /** Tasks that were tried. */
  processed: number;
  /** Tasks that succeeded. */
  succeeded: number;
  failures: Record<number, Required<ErrorInfo>>;
  /** When the next batch is due; absent until the event's turn. */
  nextAt?: number;
  finishedAt?: number;
  plan?: EventPlan;
}

/** What the engine asks for at every step, because it may change meanwhile. */
export interface EngineRules {
  batchMs: number;
  batchSize: number;
  order: 'serial' | 'parallel';
  retentionMs: number;
}

/** Does one task and says the error number, or undefined for success. */
export type TaskRunner = (event: AppleEvent, task: EventTask, at: number) => number | undefined;

/** A task with what came of it. */
export interface TaskOutcome {
  task: EventTask;
  /** Absent for a success. */
  errorNumber?: number;
}

/** Hears what each batch did, at its own moment. */
export type BatchListener = (event: AppleEvent, outcomes: readonly TaskOutcome[], at: number) => void;

/** Old events are looked for so often, by the clock. */
const forgetEveryMs = 1000;

/** The task at a position: assets outside, targets inside. */
export function taskAt(event: AppleEvent, index: number): EventTask {
  if (event.pairs) return event.pairs[index]!;
  if (event.users) {
    const user = event.users[index]!;
    return { target: { kind: 'clientUserId', id: user.clientUserId }, user };
  }
  const targets = event.targets.length;
  return { asset: event.assets[Math.floor(index / targets)]!, target: event.targets[index % targets]! };
}

export class EventEngine {
  readonly #events = new Map<string, AppleEvent>();
  readonly #queues = new Map<string, AppleEvent[]>();
  readonly #freeAt = new Map<string, number>();
  readonly #run: TaskRunner;
  readonly #rules: () => EngineRules;
  readonly #listener: BatchListener;
  #forgottenAt = Number.NEGATIVE_INFINITY;

  constructor(run: TaskRunner, rules: () => EngineRules, listener: BatchListener = () => {}) {
    this.#run = run;
    this.#rules = rules;
    this.#listener = listener;
  }

  /** Takes an event in; its first batch is due one batch time from its turn. */
  accept(event: AppleEvent): void {
    this.#events.set(event.id, event);
    if (event.finishedAt !== undefined) return;
    const queue = this.#queues.get(event.uId);
    if (queue) queue.push(event);
    else this.#queues.set(event.uId, [event]);
  }

  get(id: string): AppleEvent | undefined {
    return this.#events.get(id);
  }

  /** All events that are still remembered, oldest first. */
  all(): AppleEvent[] {
    return [...this.#events.values()];
  }

  /** Does everything that was due at or before `now` and forgets what is too old. */
  settle(now: number): void {
    const rules = this.#rules();
    for (const [uId, queue] of this.#queues) {
      for (let event = this.#due(uId, queue, rules, now); event; event = this.#due(uId, queue, rules, now)) {
        this.#batch(event, rules);
        if (event.finishedAt !== undefined || isStuck(event)) queue.splice(queue.indexOf(event), 1);
      }
      if (queue.length === 0) this.#queues.delete(uId);
    }
    if (Math.abs(now - this.#forgottenAt) >= forgetEveryMs) this.#forget(now, rules.retentionMs);
  }

  /** When the next batch is due, if any event is under way. */
  nextAt(): number | undefined {
    const { batchMs, order } = this.#rules();
    let first: number | undefined;
    for (const [uId, queue] of this.#queues) {
      for (const event of order === 'serial' ? queue.slice(0, 1) : queue) {
        const at = event.nextAt ?? this.#turnOf(uId, event, order) + batchMs;
        first = Math.min(first ?? at, at);
      }
    }
    return first;
  }

  #turnOf(uId: string, event: AppleEvent, order: EngineRules['order']): number {
    return Math.max(event.acceptedAt, order === 'serial' ? (this.#freeAt.get(uId) ?? 0) : 0);
  }

  #due(uId: string, queue: AppleEvent[], rules: EngineRules, now: number): AppleEvent | undefined {
    const candidates = rules.order === 'serial' ? queue.slice(0, 1) : queue;
    let first: AppleEvent | undefined;
    for (const event of candidates) {
      event.nextAt ??= this.#turnOf(uId, event, rules.order) + rules.batchMs;
      if (event.nextAt <= now && (!first || event.nextAt < first.nextAt!)) first = event;
    }
    return first;
  }

  #batch(event: AppleEvent, rules: EngineRules): void {
    const at = event.nextAt!;
    const end = Math.min(event.numRequested, event.processed + rules.batchSize);
    const outcomes: TaskOutcome[] = [];
    while (event.processed < end && !isStuck(event)) outcomes.push(this.#task(event, at));
    event.nextAt = at + rules.batchMs;
    if (event.processed >= event.numRequested && !isStuck(event)) event.finishedAt = at;
    this.#freeAt.set(event.uId, at);
    if (outcomes.length > 0) this.#listener(event, outcomes, at);
  }

  #task(event: AppleEvent, at: number): TaskOutcome {
    const task = taskAt(event, event.processed);
    const errorNumber = plannedFailure(event, task) ?? this.#run(event, task, at);
    event.processed++;
    if (errorNumber === undefined) {
      event.succeeded++;
      return { task };
    }
    noteFailure(event, errorNumber, task);
    return { task, errorNumber };
  }

  #forget(now: number, retentionMs: number): void {
    const before = now - retentionMs;
    this.#forgottenAt = now;
    for (const [id, event] of this.#events) {
      if (event.finishedAt === undefined || event.finishedAt >= before) continue;
      this.#events.delete(id);
    }
  }
}

function isStuck(event: AppleEvent): boolean {
  return event.plan?.stuckAfter !== undefined && event.processed >= event.plan.stuckAfter;
}

function plannedFailure(event: AppleEvent, task: EventTask): number | undefined {
  const { plan } = event;
  if (!plan) return undefined;
  const late = plan.failAfter !== undefined && event.processed >= plan.failAfter;
  return late || plan.failTargets?.includes(task.target.id) ? (plan.errorNumber ?? 9603) : undefined;
}

function noteFailure(event: AppleEvent, errorNumber: number, { asset, target }: EventTask): void {
  event.failures[errorNumber] ??= { assets: [], clientUserIds: [], serialNumbers: [] };
  const group = event.failures[errorNumber];
  const isAsset = (one: { adamId: string; pricingParam: string }) =>
    one.adamId === asset?.adamId && one.pricingParam === asset.pricingParam;
  if (asset && !group.assets.some(isAsset)) {
    group.assets.push({ adamId: asset.adamId, pricingParam: asset.pricingParam });
  }
  const targets = target.kind === 'serialNumber' ? group.serialNumbers : group.clientUserIds;
  if (!targets.includes(target.id)) targets.push(target.id);
}
