/**
 * Sends events to the webhook as a server does that doesn't care: each on its own, once, in no order, and whatever the
 * other side answers is only counted. @module
 */
import { createHmac } from 'node:crypto';
import type { Random } from '../../random.ts';
import type { MdmOptions } from './options.ts';
import { createPostman } from './post.ts';

/** What became of an event. Only 200 is a success, as NanoMDM sees it. */
export interface SentEvent {
  n: number;
  topic: string;
  id: string;
  status?: string;
  commandUuid?: string;
  outcome: 'waiting' | 'ok' | 'failed' | 'dropped';
  httpStatus?: number;
}

interface Parcel {
  record: SentEvent;
  body: string;
}

/** Events remembered; the oldest go first. */
const kept = 20_000;

export class Messenger {
  readonly #options: () => MdmOptions;
  readonly #random: Random;
  readonly #postman = createPostman();
  #records: SentEvent[] = [];
  #last = 0;
  #waiting: Parcel[] = [];
  #held: Parcel[] = [];
  #releasing: NodeJS.Timeout | undefined;
  #underWay = new Set<Promise<void>>();

  constructor(options: () => MdmOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Events that are not over. */
  get open(): number {
    return this.#waiting.length + this.#held.length + this.#underWay.size;
  }

  /** Sends an event, or meets one of the misfortunes of the options. */
  send(event: () => object, about: Pick<SentEvent, 'topic' | 'id' | 'status' | 'commandUuid'>): void {
    const { webhookUrl, webhookDrop, webhookDuplicate, webhookReorder } = this.#options();
    if (webhookUrl === null) return;
    const record: SentEvent = { n: ++this.#last, ...about, outcome: 'waiting' };
    this.#remember(record);
    if (this.#happens(webhookDrop)) {
      record.outcome = 'dropped';
      return;
    }
    const parcel = { record, body: JSON.stringify(event()) };
    if (this.#happens(webhookDuplicate)) this.#waiting.push(parcel);
    if (this.#happens(webhookReorder)) {
      this.#held.push(parcel);
      this.#releasing ??= setTimeout(() => this.#release(), holdMs).unref();
    } else {
      this.#waiting.push(parcel);
    }
    this.#fill();
  }

  /** Waits until nothing is under way. */
  async settle(): Promise<void> {
    for (this.#release(); this.open > 0; this.#release()) for (const one of this.#underWay) await one;
  }

  /** What was sent, oldest first. */
  list(query: { since?: number; id?: string; limit?: number } = {}): SentEvent[] {
    const found = this.#records.filter((one) => one.n > (query.since ?? 0) && (query.id ?? one.id) === one.id);
    return query.limit === undefined ? found : found.slice(0, query.limit);
  }

  /** Forgets everything, sent or not. */
  clear(): void {
    this.#records = [];
    this.#waiting = [];
    this.#held = [];
  }

  async close(): Promise<void> {
    clearTimeout(this.#releasing);
    this.clear();
    this.#postman.close();
    await Promise.all(this.#underWay);
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#random.next() < chance;
  }

  /** Those that were held back leave, the last one first. */
  #release(): void {
    clearTimeout(this.#releasing);
    this.#releasing = undefined;
    this.#waiting.push(...this.#held.reverse());
    this.#held = [];
    this.#fill();
  }

  #fill(): void {
    while (this.#underWay.size < this.#options().webhookConcurrency) {
      const parcel = this.#waiting.shift();
      if (!parcel) return;
      const carried = this.#carry(parcel).finally(() => {
        this.#underWay.delete(carried);
        this.#fill();
      });
      this.#underWay.add(carried);
    }
  }

  async #carry({ record, body }: Parcel): Promise<void> {
    try {
      const httpStatus = await this.#post(body);
      Object.assign(record, { httpStatus, outcome: httpStatus === 200 ? 'ok' : 'failed' });
    } catch {
      record.outcome = 'failed';
    }
  }

  async #post(body: string): Promise<number> {
    const { webhookUrl, webhookHmacKey, webhookTimeoutMs } = this.#options();
    if (webhookUrl === null) return 0;
    const headers = { 'content-type': 'application/json; charset=utf-8', ...signature(webhookHmacKey, body) };
    return this.#postman.post(webhookUrl, { headers, body, timeoutMs: webhookTimeoutMs });
  }

  #remember(record: SentEvent): void {
    this.#records.push(record);
    if (this.#records.length > kept * 1.1) this.#records = this.#records.slice(-kept);
  }
}

/** How long one that is overtaken waits for those that overtake it, in milliseconds of real time. */
const holdMs = 50;

function signature(key: string | null, body: string): Record<string, string> {
  return key === null ? {} : { 'x-hmac-signature': createHmac('sha256', key).update(body).digest('base64') };
}
