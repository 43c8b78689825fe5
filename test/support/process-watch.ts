/** Watchers of a task's progress, over either transport, that can be cut off in the middle. @module */
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { ApiClient } from './process-client.ts';

/** How events come. */
export type Transport = 'ws' | 'sse';

/** One event as a client sees it. */
export interface SeenEvent {
  cursor: string;
  seq: number;
  at: string;
  snapshot: boolean;
  expired: boolean;
  task: { state: string; phase: string | null; requested: number; completed: number; failed: number };
  /** Milliseconds from `at` to here; both clocks are this machine's. */
  late: number;
}

/** A running subscription. */
export interface Watch {
  /** What has come so far. */
  events: SeenEvent[];
  /** Resolves when the server has ended the stream. Rejects when it broke. */
  done: Promise<void>;
  /** Cuts the connection, as a network does: without a goodbye. */
  cut(): void;
}

const query = `subscription ($taskId: ID!, $after: String) {
  taskProgress(taskId: $taskId, after: $after) {
    cursor seq at snapshot expired task { state phase requested completed failed }
  }
}`;

/** Watches a task from its beginning, or behind `after`. */
export function watchTask(
  api: ApiClient,
  taskId: string,
  options: { transport: Transport; after?: string; onEvent?: (event: SeenEvent) => void },
): Watch {
  const events: SeenEvent[] = [];
  const connection = connect(api, options.transport);
  const done = new Promise<void>((resolve, reject) => {
    connection.subscribe<{ taskProgress: Omit<SeenEvent, 'late'> }>(
      { query, variables: { taskId, after: options.after ?? null } },
      {
        next: ({ data, errors }) => {
          if (!data) return reject(new Error(JSON.stringify(errors)));
          const event = { ...data.taskProgress, late: Date.now() - Date.parse(data.taskProgress.at) };
          events.push(event);
          options.onEvent?.(event);
        },
        error: (error) => reject(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: () => {
          connection.end();
          resolve();
        },
      },
    );
  });
  done.catch(() => {});
  return { events, done, cut: connection.cut };
}

/** One message of a subscription. */
export interface Answer<Data> {
  data?: Data | null;
  errors?: unknown;
}

interface Sink<Data> {
  next(answer: Answer<Data>): void;
  error(error: unknown): void;
  complete(): void;
}

/** A connection for one subscription. */
export interface Connection {
  subscribe<Data>(payload: { query: string; variables: Record<string, unknown> }, sink: Sink<Data>): void;
  /** The orderly end. */
  end(): void;
  cut(): void;
}

/** Opens a connection over one of the transports. */
export function connect(api: ApiClient, transport: Transport): Connection {
  return transport === 'ws' ? overSocket(api) : overEvents(api);
}

function overSocket({ socketUrl, key }: ApiClient): Connection {
  let socket: WebSocket | undefined;
  const client = createSocketClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: key },
    retryAttempts: 0,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket;
      },
    },
  });
  return {
    subscribe: (payload, sink) => void client.subscribe(payload, sink as Sink<Record<string, unknown>>),
    end: () => void client.dispose(),
    cut: () => socket?.terminate(),
  };
}

function overEvents({ url, key }: ApiClient): Connection {
  const stop = new AbortController();
  const client = createSseClient({
    url,
    headers: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
    fetchFn: (input: RequestInfo, init: RequestInit) =>
      fetch(input, { ...init, signal: AbortSignal.any([stop.signal, ...(init.signal ? [init.signal] : [])]) }),
  });
  return {
    subscribe: (payload, sink) => void client.subscribe(payload, sink as Sink<Record<string, unknown>>),
    end: () => client.dispose(),
    cut: () => stop.abort(),
  };
}
