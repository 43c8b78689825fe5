/** What clients were told: all that the checker knows of Russet besides its rows. @module */
import type { SeenEvent } from '../../support/process-watch.ts';

/** Mutations that start a task. */
export type Operation = 'associate' | 'revoke' | 'assignSeats' | 'removeSeats' | 'retry' | 'sync';

/** A request that was answered with a task. */
export interface Accepted {
  operation: Operation;
  taskId: string;
  /** Idempotency key, where the operation has one. */
  key?: string;
  /** Tasks that later repeats of the same request were answered with. */
  repeats: { taskId: string; replayed: boolean }[];
}

/** What one follower of a task saw, over all of its connections. */
export interface Followed {
  taskId: string;
  events: SeenEvent[];
  connections: number;
}

/** Counts of one app as `licenseCounts` tells them. */
export interface ToldCounts {
  app: { adamId: string };
  total: string | number | null;
  available: string | number | null;
  used: string | number;
  pending: string | number;
  retired: string | number;
}

/** Everything that clients were told. */
export interface Told {
  accepted: Accepted[];
  followed: Followed[];
  /** By follower, then by adamId: the newest counts. */
  counts: Map<string, ToldCounts>[];
  /** Refusals by their code. */
  refusals: Map<string, number>;
  /** Answers that were no answer: errors of the server, broken connections. */
  errors: string[];
  /** Seats that somebody outside moved, as `adamId serialNumber`. */
  movedOutside: Set<string>;
}

/** Nothing yet. */
export function nothingTold(): Told {
  return { accepted: [], followed: [], counts: [], refusals: new Map(), errors: [], movedOutside: new Set() };
}

/** The row's number behind a global id. */
export function rowOf(globalId: string): string {
  return Buffer.from(globalId, 'base64').toString('utf8').split(':')[1]!;
}
