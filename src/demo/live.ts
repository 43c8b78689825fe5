/**
 * Live news over graphql-ws. A task is followed with the cursor of its last event: a connection that breaks is built
 * again, and nothing is missed or seen twice.
 * @module
 */
import { createClient as createSocket, type Client as Socket } from 'graphql-ws';
import { WebSocket } from 'ws';
import {
  LicenseCountsDocument,
  type LicenseCountsSubscription,
  TaskProgressDocument,
  type TaskProgressSubscription,
  type TypedDocumentString,
} from '../generated/operations/graphql.ts';
import { backoff } from '../lib/backoff.ts';
import type { ApiAddress } from './client.ts';
import { sleep } from './clock.ts';
import { DemoFailure, fromWireErrors, notSignedIn, type WireError } from './failure.ts';

/** One event of a task. */
export type TaskEvent = TaskProgressSubscription['taskProgress'];
/** The counts of one app at one moment. */
export type Counts = LicenseCountsSubscription['licenseCounts'];

/** Subscriptions of one client, over one WebSocket. */
export interface Live {
  /** Every event of a task up to its end, whatever happens to the connection. `onReconnect` is told of each new one. */
  task(taskId: string, onReconnect?: () => void): AsyncGenerator<TaskEvent, void>;
  /** The counts of an app now and whenever they move, until `signal` ends it. */
  counts(appId: string, signal: AbortSignal): AsyncGenerator<Counts, void>;
  close(): Promise<void>;
}

/** Waits between two tries to connect, and how often it is tried in a row: about 40 s in all. */
const waits = { base: 250, factor: 2, cap: 5_000 };
const tries = 12;

const finalStates: readonly string[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** Whether this is the last event of its task. */
export function isLast(event: TaskEvent): boolean {
  return finalStates.includes(event.task.state);
}

/** Connects when the first subscription begins. `signal` ends everything. */
export function connectLive({ url, apiKey }: ApiAddress, signal: AbortSignal): Live {
  const socket = createSocket({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { apiKey },
    // It would repeat the subscription with the cursor of the beginning.
    retryAttempts: 0,
    onNonLazyError: () => {},
  });
  return {
    task: (taskId, onReconnect) => followTask(socket, taskId, signal, onReconnect),
    counts: async function* (appId, until) {
      const ended = AbortSignal.any([signal, until]);
      for await (const { licenseCounts } of resubscribe(
        socket,
        LicenseCountsDocument,
        () => ({ appIds: [appId] }),
        ended,
      ))
        yield licenseCounts;
    },
    close: async () => {
      await socket.dispose();
    },
  };
}

async function* followTask(socket: Socket, taskId: string, signal: AbortSignal, onReconnect?: () => void) {
  let after: string | null = null;
  const variables = () => ({ taskId, after });
  for await (const { taskProgress } of resubscribe(socket, TaskProgressDocument, variables, signal, onReconnect)) {
    after = taskProgress.cursor;
    yield taskProgress;
    if (isLast(taskProgress)) return;
  }
}

/**
 * Subscribes, and again whenever the stream ends or breaks; `variables` are asked for each time. Errors of GraphQL and
 * a refused key are final.
 */
async function* resubscribe<Data, Variables extends Record<string, unknown>>(
  socket: Socket,
  document: TypedDocumentString<Data, Variables>,
  variables: () => Variables,
  signal: AbortSignal,
  onReconnect?: () => void,
): AsyncGenerator<Data, void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    if (failures > 0) {
      await sleep(backoff(failures, waits), signal);
      if (signal.aborted) return;
    }
    const payload = { query: document.toString(), variables: variables() };
    try {
      for await (const { data, errors } of untilAborted(socket.iterate<Data>(payload), signal)) {
        if (errors) throw fromWireErrors(errors);
        if (failures > 0) onReconnect?.();
        failures = 0;
        yield data as Data;
      }
    } catch (error) {
      if (signal.aborted) return;
      throwIfFinal(error);
      if (failures >= tries) throw lostForGood();
    }
  }
}

/** Ends the iteration when the signal does, also while nothing comes. */
async function* untilAborted<Item>(
  items: AsyncIterableIterator<Item>,
  signal: AbortSignal,
): AsyncGenerator<Item, void> {
  const end = () => void items.return?.();
  signal.addEventListener('abort', end, { once: true });
  try {
    yield* items;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function throwIfFinal(error: unknown): void {
  if (error instanceof DemoFailure) throw error;
  if (Array.isArray(error)) throw fromWireErrors(error as WireError[]);
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 4401 || code === 4403) throw notSignedIn();
}

function lostForGood(): DemoFailure {
  return new DemoFailure('CONNECTION_LOST', 'The live connection broke and could not be built again.', [
    'What was begun goes on without us. Look at the terminal of npm start; the next run tidies up.',
  ]);
}
