/** A client that never rests: it gives, takes back, tries again, syncs, cancels, repeats, and follows what it started. @module */
import { once, setMaxListeners } from 'node:events';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Random } from '../../../src/simulator/random.ts';
import { serials } from '../../support/process-steps.ts';
import { followCounts, followTask } from './follow.ts';
import { type Answer, mutate, NoAnswerError } from './operations.ts';
import { some } from './seeds.ts';
import type { System } from './system.ts';
import { type Accepted, nothingTold, type Operation, type Told } from './told.ts';

/** Options of {@link startLoad}. */
export interface LoadOptions {
  system: System;
  random: Random;
  /** Requests side by side. */
  clients?: number;
  /** Unfinished tasks at which it waits. */
  most?: number;
  /** Also keeps a request that is reserved in blocks and a sync of each token under way all the time. */
  busy?: boolean;
  /** Moves seats from outside, and buys some. */
  outside?: boolean;
  /** Milliseconds that a client insists on an answer. */
  patience?: number;
}

/** A running load. */
export interface Load {
  told: Told;
  /** Starts nothing new; resolves when every request under way has its answer. */
  stop(): Promise<void>;
  /** Gives the followers `milliseconds` to come to the end of their tasks, then ends them. */
  close(milliseconds?: number): Promise<void>;
}

/** Starts the load. */
export function startLoad(options: LoadOptions): Load {
  const told = nothingTold();
  const resting = new AbortController();
  const closing = new AbortController();
  // Every follower listens for the end.
  setMaxListeners(0, closing.signal, resting.signal);
  const client = new LoadClient(options, told, closing.signal);
  const running = Array.from({ length: options.clients ?? 4 }, () => client.work(resting.signal));
  if (options.busy) running.push(...client.keepBusy(resting.signal));
  const { apis } = options.system;
  apis.forEach((_, place) => void followCounts(apis, place, told, closing.signal));
  return {
    told,
    stop: async () => {
      resting.abort();
      await Promise.all(running);
    },
    close: async (milliseconds = 5_000) => {
      const patience = new AbortController();
      const late = systemClock.sleep(milliseconds, patience.signal).catch(() => {});
      await Promise.race([client.followed(), late]);
      patience.abort();
      // Counts are told at most ten times a second: the last ones may still be on their way.
      await systemClock.sleep(2_000);
      closing.abort();
      await client.followed();
    },
  };
}

/** A request that may be sent again and again. */
interface Request {
  operation: Operation;
  input: Record<string, unknown>;
  key?: string;
}

class LoadClient {
  readonly #options: LoadOptions;
  readonly #told: Told;
  readonly #closing: AbortSignal;
  readonly #followers: Promise<void>[] = [];
  readonly #repeatable = new Map<Accepted, Request>();
  #unfinished = 0;
  #last = 0;

  constructor(options: LoadOptions, told: Told, closing: AbortSignal) {
    this.#options = options;
    this.#told = told;
    this.#closing = closing;
  }

  async followed(): Promise<void> {
    await Promise.all(this.#followers);
  }

  async work(resting: AbortSignal): Promise<void> {
    const { random, most = 16 } = this.#options;
    while (!resting.aborted) {
      if (this.#unfinished < most) await this.#something(resting);
      await systemClock.sleep(20 + random.integer(80), resting).catch(() => {});
    }
  }

  async #something(resting: AbortSignal): Promise<void> {
    const { random, outside } = this.#options;
    const dice = random.next();
    if (this.#options.system.seats && random.next() < 0.2) await this.#start(this.#seats(), resting);
    else if (dice < 0.45) await this.#start(this.#association(), resting);
    else if (dice < 0.7) await this.#start(this.#revoke(), resting);
    else if (dice < 0.8) await this.#retry(resting);
    else if (dice < 0.88) await this.#start({ operation: 'sync', input: { tokenIds: [this.#token()] } }, resting);
    else if (dice < 0.92) await this.#repeat(resting);
    else if (dice < 0.94) await this.#cancel();
    else if (outside) await this.#outside();
  }

  /** What is rare otherwise, each kind one at a time. */
  keepBusy(resting: AbortSignal): Promise<void>[] {
    const syncs = this.#options.system.tokenIds.map((tokenId) => () => ({
      operation: 'sync' as const,
      // All pages: a sync of what changed comes to no block.
      input: { tokenIds: [tokenId], full: true },
    }));
    return [...syncs, () => this.#large()].map(async (next) => {
      while (!resting.aborted) {
        const started = await this.#start(next(), resting);
        if (started) await Promise.race([started.end, resting.aborted || once(resting, 'abort')]);
        await systemClock.sleep(100, resting).catch(() => {});
      }
    });
  }

  #token(): string {
    return this.#options.random.pick(this.#options.system.tokenIds);
  }

  #key(): { idempotencyKey: string } {
    this.#last += 1;
    return { idempotencyKey: `load-${this.#last}` };
  }

  #association(): Request {
    const { random, system } = this.#options;
    const key = this.#key();
    const input = {
      appIds: some(random, system.apps, 1 + random.integer(3)).map((app) => app.id),
      target: { serialNumbers: serials(some(random, system.devices, 1 + random.integer(8))) },
      onError: random.next() < 0.5 ? 'ATOMIC' : 'SKIP_FAILED',
      ...(random.next() < 0.2 ? { tokenId: this.#token() } : {}),
      ...key,
    };
    return { operation: 'associate', input, key: key.idempotencyKey };
  }

  #revoke(): Request {
    const { random, system } = this.#options;
    const key = this.#key();
    const input = {
      appIds: some(random, system.apps, 1 + random.integer(4)).map((app) => app.id),
      target: { serialNumbers: serials(some(random, system.devices, 1 + random.integer(12))) },
      onError: random.next() < 0.3 ? 'ATOMIC' : 'SKIP_FAILED',
      ...key,
    };
    return { operation: 'revoke', input, key: key.idempotencyKey };
  }

  #seats(): Request {
    const { random, system } = this.#options;
    const key = this.#key();
    const subscriptionIds = some(random, system.seats!.subscriptionIds, 1 + random.integer(2));
    const vppUserIds = some(random, system.seats!.vppUserIds, 1 + random.integer(6));
    const common = { onError: random.next() < 0.3 ? 'ATOMIC' : 'SKIP_FAILED', ...key };
    return random.next() < 0.6
      ? {
          operation: 'assignSeats',
          input: { subscriptionIds, vppUserIds, renewing: random.next() < 0.7, ...common },
          key: key.idempotencyKey,
        }
      : {
          operation: 'removeSeats',
          input: { target: { holders: { subscriptionIds, vppUserIds } }, deferred: random.next() < 0.2, ...common },
          key: key.idempotencyKey,
        };
  }

  /** Most of its devices do not exist, so it is reserved in blocks and still gives few licenses. */
  #large(): Request {
    const { random, system } = this.#options;
    const key = this.#key();
    const strangers = Array.from({ length: 5_100 }, (_, index) => `NOBODY${index}`);
    const input = {
      appIds: system.apps.slice(-2).map((app) => app.id),
      target: { serialNumbers: [...serials(some(random, system.devices, 10)), ...strangers] },
      onError: 'SKIP_FAILED',
      ...key,
    };
    return { operation: 'associate', input, key: key.idempotencyKey };
  }

  /** Sends the request and follows its task; `end` resolves with it. Null when it was refused or not answered. */
  async #start(request: Request, resting: AbortSignal): Promise<{ end: Promise<void> } | null> {
    const answer = await this.#insist(request, resting);
    if (!answer) return null;
    if ('code' in answer) {
      this.#told.refusals.set(answer.code, (this.#told.refusals.get(answer.code) ?? 0) + 1);
      return null;
    }
    const accepted: Accepted = { operation: request.operation, taskId: answer.taskId, repeats: [] };
    if (request.key) {
      accepted.key = request.key;
      this.#repeatable.set(accepted, request);
    }
    this.#told.accepted.push(accepted);
    return { end: this.#follow(answer.taskId) };
  }

  #follow(taskId: string): Promise<void> {
    const { system, random } = this.#options;
    this.#unfinished += 1;
    const options = { apis: system.apis, random, told: this.#told, signal: this.#closing, cuts: 0.3 };
    const end = followTask(taskId, options).finally(() => {
      this.#unfinished -= 1;
    });
    this.#followers.push(end);
    return end;
  }

  /** Sends a request until it is answered; without a key only once, because a repeat would be a second request. */
  async #insist({ operation, input, key }: Request, resting: AbortSignal): Promise<Answer | null> {
    const { system, random, patience = 60_000 } = this.#options;
    const deadline = performance.now() + patience;
    for (;;) {
      try {
        return await mutate(random.pick(system.apis), operation, input);
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        this.#told.errors.push(`${operation}: ${error.message}`);
        if (!key || performance.now() > deadline) return null;
        await systemClock.sleep(100 + random.integer(200), resting).catch(() => {});
      }
    }
  }

  async #retry(resting: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const { accepted } = this.#told;
    if (accepted.length === 0) return;
    const earlier = accepted[Math.max(0, accepted.length - 1 - random.integer(30))]!;
    await this.#start({ operation: 'retry', input: { taskId: earlier.taskId } }, resting);
  }

  /** The same request with the same key once more. */
  async #repeat(resting: AbortSignal): Promise<void> {
    const entries = [...this.#repeatable.entries()];
    if (entries.length === 0) return;
    const [accepted, request] = this.#options.random.pick(entries);
    const answer = await this.#insist(request, resting);
    if (!answer) return;
    accepted.repeats.push('code' in answer ? { taskId: answer.code, replayed: false } : answer);
  }

  async #cancel(): Promise<void> {
    const { random, system } = this.#options;
    const accepted = this.#told.accepted.at(-1 - random.integer(5));
    if (!accepted) return;
    try {
      await mutate(random.pick(system.apis), 'cancel', { taskId: accepted.taskId });
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      this.#told.errors.push(`cancel: ${error.message}`);
    }
  }

  async #outside(): Promise<void> {
    const { random, system } = this.#options;
    const uId = random.pick(system.libraries);
    const { adamId } = random.pick(system.apps);
    const { serialNumber } = random.pick(system.devices);
    const { simulator } = system.processes;
    this.#told.movedOutside.add(`${adamId} ${serialNumber}`);
    // The library may not have the app or the seat: then there is nothing to move.
    if (random.next() < 0.2) await simulator.purchase({ uId, adamId, count: 1 + random.integer(3) }).catch(() => {});
    else
      await simulator
        .moveSeat(random.next() < 0.5 ? 'assign' : 'unassign', { uId, adamId, serialNumber })
        .catch(() => {});
  }
}
