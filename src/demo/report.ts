/** What a run has seen, for programs: the output of `--json`. @module */
import type { Counts } from './live.ts';

/** The numbers of an app at one moment; null is unlimited. */
export interface Numbers {
  total: number | null;
  available: number | null;
  used: number;
  pending: number;
}

/** The events of one task. */
export interface SeenTask {
  id: string;
  state: string;
  phases: string[];
  outcome: string | null;
  requested: number;
  completed: number;
  failed: number;
  cause: { code: string; message: string } | null;
  /** Number of each event, in the order in which they came. */
  seqs: number[];
  /** Every event came, once and in order. */
  gapless: boolean;
  /** How often the connection was built again. */
  reconnects: number;
  /** From the request to the last event, in milliseconds. */
  milliseconds: number;
}

/** Licenses that were given out or taken back. */
export interface SeenChange {
  task: SeenTask;
  before: Numbers;
  after: Numbers;
  /** Counts that `licenseCounts` told meanwhile. */
  counts: Numbers[];
}

/** Everything. What is absent was not reached. */
export interface Report {
  ok: boolean;
  error?: { code: string; message: string; hints: readonly string[] };
  url?: string;
  version?: string;
  organization?: string;
  token?: { id: string; label: string; renewed: boolean; changed: boolean; state: string; daysLeft: number };
  devices?: { created: number; updated: number; unchanged: number };
  sync?: SeenTask;
  apps?: { adamId: string; name: string | null; total: number | null; available: number | null; used: number }[];
  chosen?: { adamId: string; name: string | null; devices: number };
  /** Licenses of an interrupted run that were taken back first; absent when there were none. */
  tidied?: number;
  associate?: SeenChange;
  revoke?: SeenChange;
  /** The whole run, in milliseconds. */
  milliseconds?: number;
}

type Countable = Pick<Counts, 'total' | 'available' | 'used' | 'pending'>;

/** Counts as numbers. */
export function numbersOf({ total, available, used, pending }: Countable): Numbers {
  const orNull = (count: number | string | null) => (count === null ? null : Number(count));
  return { total: orNull(total), available: orNull(available), used: Number(used), pending: Number(pending) };
}
