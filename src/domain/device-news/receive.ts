/**
 * Takes in what MDM servers tell of devices. It is stored before it is answered; what arrives together is stored by one
 * statement, so that a burst costs a few transactions and not one each.
 * @module
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Services } from '../context.ts';
import { inputHash } from '../idempotency.ts';
import type { DeviceNews } from '../mdm-ports.ts';
import { type IncomingNews, storeNews } from './store.ts';

/** Most messages in one statement. */
const maxBatch = 500;
/** Statements under way at once: one is prepared while another is written to disk. */
const lanes = 2;

/** A message at a connection. */
export interface ToldNews {
  news: DeviceNews;
  /**
   * The same for the same message told twice, e.g. a hash of the body; it is kept once. Absent: what it says and when it
   * happened; a message without a time is always a new one.
   */
  key?: string;
}

/** Where messages of devices come in. */
export interface DeviceIntake {
  /** Resolves when all are stored. Rejects while the database is out of reach. */
  receive(connection: ConnectionKey, told: readonly ToldNews[]): Promise<void>;
}

/** An organization's way to its devices. */
export interface ConnectionKey {
  organizationId: bigint;
  connectionId: bigint;
}

interface Waiting {
  rows: IncomingNews[];
  resolve(): void;
  reject(reason: unknown): void;
}

/** The intake of one process. */
export function createDeviceIntake(services: Services): DeviceIntake {
  const waiting: Waiting[] = [];
  let busy = 0;
  const next = () => {
    if (busy >= lanes || waiting.length === 0) return;
    const batch = take(waiting);
    busy++;
    void store(services, batch).finally(() => {
      busy--;
      next();
    });
  };
  return {
    receive: (connection, told) =>
      new Promise((resolve, reject) => {
        if (told.length === 0) return resolve();
        const rows = told.map((one) => ({ ...connection, news: one.news, hash: hashOf(one) }));
        waiting.push({ rows, resolve, reject });
        // Those whose last bytes are read in the same turn come along.
        setImmediate(next);
      }),
  };
}

function take(waiting: Waiting[]): Waiting[] {
  let rows = 0;
  let count = 0;
  while (count < waiting.length && (count === 0 || rows + waiting[count]!.rows.length <= maxBatch)) {
    rows += waiting[count]!.rows.length;
    count++;
  }
  return waiting.splice(0, count);
}

/** By what the same message told twice is known. */
export function hashOf({ news, key }: ToldNews): string {
  if (key !== undefined) return createHash('sha256').update(key).digest('hex');
  return news.at === undefined ? randomUUID() : inputHash(news);
}

async function store(services: Services, batch: readonly Waiting[]): Promise<void> {
  try {
    await storeNews(
      services,
      batch.flatMap(({ rows }) => rows),
    );
    for (const { resolve } of batch) resolve();
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
