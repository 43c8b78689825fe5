/** One connection of its own that hears what other processes notify. @module */
import { Client } from 'pg';
import { type BackoffOptions, backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';

/** Options of {@link listen}. */
export interface ListenOptions {
  url: string;
  channel: string;
  /** Called for each notification, with its text. */
  onNotify(text: string): void;
  /** Called when the connection stands again after a loss: whatever was notified meanwhile was not heard. */
  onReconnect(): void;
  logger: Logger;
  clock: Clock;
  /** Waits between attempts to connect again; default 100 ms, doubling up to 5 s. */
  retry?: BackoffOptions;
  /** Milliseconds between two proofs that the connection is alive; default 15,000. */
  pulse?: number;
  /** Milliseconds after which a connection that does not answer counts as lost; default 5,000. */
  patience?: number;
}

/** A standing LISTEN. */
export interface Listener {
  /** How often the connection was lost and came back. */
  readonly reconnects: number;
  /** Whether it hears now. */
  readonly connected: boolean;
  /** Ends the connection for good. */
  close(): Promise<void>;
}

interface Connection {
  /** Resolves when it is of no use any more. */
  lost: Promise<void>;
  /** Says that it is lost, and frees what it holds. */
  drop(): void;
  ask(statement: string): Promise<unknown>;
}

const defaultRetry: BackoffOptions = { base: 100, factor: 2, cap: 5_000 };

/**
 * Listens until it is closed. The first connection must succeed; a later loss is repaired for as long as it takes.
 *
 * @throws whatever kept the first connection from standing
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const closing = new AbortController();
  let connection = await connect(options);
  let reconnects = 0;
  let connected = true;

  async function keep(): Promise<void> {
    for (;;) {
      void watchPulse(connection, options, closing.signal);
      await connection.lost;
      connected = false;
      if (closing.signal.aborted) return;
      options.logger.warn({ channel: options.channel }, 'the listening database connection was lost');
      const next = await reconnect(options, closing.signal);
      if (!next) return;
      connection = next;
      reconnects += 1;
      connected = true;
      options.logger.info({ channel: options.channel, reconnects }, 'listening to the database again');
      options.onReconnect();
    }
  }

  const kept = keep();
  return {
    get reconnects() {
      return reconnects;
    },
    get connected() {
      return connected;
    },
    close: async () => {
      closing.abort();
      connection.drop();
      await kept;
    },
  };
}

async function connect(options: ListenOptions): Promise<Connection> {
  const patience = options.patience ?? 5_000;
  const client = new Client({
    connectionString: options.url,
    application_name: 'russet listen',
    keepAlive: true,
    connectionTimeoutMillis: patience,
    query_timeout: patience,
  });
  const lost = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
    client.on('end', () => resolve());
  });
  client.on('notification', (notification) => options.onNotify(notification.payload ?? ''));
  const drop = () => {
    client.end().catch(() => {});
  };
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(options.channel)}`);
  } catch (error) {
    drop();
    throw error;
  }
  return { lost, drop, ask: (statement) => client.query(statement) };
}

async function reconnect(options: ListenOptions, closing: AbortSignal): Promise<Connection | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    await pause(options.clock, backoff(attempt, options.retry ?? defaultRetry), closing);
    if (closing.aborted) return undefined;
    const connection = await connect(options).catch((error: unknown) => {
      options.logger.debug({ error, attempt }, 'listening to the database failed');
    });
    if (connection && closing.aborted) connection.drop();
    else if (connection) return connection;
  }
}

/** A peer that vanished without a word is only noticed by asking it. */
async function watchPulse(connection: Connection, options: ListenOptions, closing: AbortSignal): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  closing.addEventListener('abort', stop, { once: true });
  void connection.lost.then(stop);
  while (!over.signal.aborted) {
    await pause(options.clock, options.pulse ?? 15_000, over.signal);
    if (!over.signal.aborted) await connection.ask('SELECT 1').catch(() => connection.drop());
  }
  closing.removeEventListener('abort', stop);
}

async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(milliseconds, signal).catch(() => {});
}
