/**
 * Takes notifications in. Each is stored before it is answered; those that arrive together are stored by one statement,
 * so that a burst costs a few transactions and not one each.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Services } from '../context.ts';
import { isAuthentic } from './address.ts';
import { type Incoming, storeNotifications } from './store.ts';

/** Most notifications in one statement. */
const maxBatch = 200;
/** Statements under way at once: one is prepared while another is written to disk. */
const lanes = 2;

/** What became of a notification. UNKNOWN: no token has this webhook. */
export type Received = 'STORED' | 'UNKNOWN' | 'UNREADABLE';

/** Where notifications come in. */
export interface Intake {
  /** Whether the bearer is the webhook's: asked before the body is read. */
  isAuthentic(webhookId: string, bearer: string | null): boolean;
  /** Stores a notification. What came before, body and all, counts as stored. Rejects while the database is out of reach. */
  receive(webhookId: string, body: string): Promise<Received>;
}

interface Waiting {
  row: Incoming;
  resolve(received: Received): void;
  reject(reason: unknown): void;
}

/** The intake of one process. */
export function createIntake(services: Services): Intake {
  const waiting: Waiting[] = [];
  let busy = 0;
  const next = () => {
    if (busy >= lanes || waiting.length === 0) return;
    const batch = waiting.splice(0, maxBatch);
    busy++;
    void store(services, batch).finally(() => {
      busy--;
      next();
    });
  };
  return {
    isAuthentic: (webhookId, bearer) => isAuthentic(services, webhookId, bearer),
    receive: async (webhookId, body) => {
      const head = services.apple.notificationHead(body);
      if (!head) return 'UNREADABLE';
      const bodyHash = createHash('sha256').update(body).digest('hex');
      return new Promise((resolve, reject) => {
        waiting.push({ row: { webhookId, bodyHash, ...head }, resolve, reject });
        // Those whose last bytes are read in the same turn come along.
        setImmediate(next);
      });
    },
  };
}

async function store(services: Services, batch: readonly Waiting[]): Promise<void> {
  try {
    const known = await storeNotifications(
      services,
      batch.map(({ row }) => row),
    );
    for (const { row, resolve } of batch) resolve(known.has(row.webhookId) ? 'STORED' : 'UNKNOWN');
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
