/** What the checker may look at: Apple's truth, our rows, and what clients were told. Nothing of Russet's code. @module */
import type pg from 'pg';
import type { SimulatorAdmin, UnitTruth } from '../../../../src/simulator/index.ts';
import type { SimulatorProcess } from '../../../support/process-simulator.ts';
import type { Told } from '../told.ts';
import type { Overrun } from '../witness.ts';

/** What there is to judge. */
export interface Case {
  /** Repeats the run; stands in every sentence. */
  seed: string;
  simulator: SimulatorProcess;
  db: pg.Pool;
  told: Told;
  libraries: readonly string[];
  /** What the witness saw. */
  overruns?: readonly Overrun[];
  /** Nobody died and Apple answered: then no write may have been sent twice. */
  writesOnce?: boolean;
  /** What was not there all the time; a request without an answer is excused by nothing else. */
  outages: 'none' | 'api' | 'database';
}

/** The case with the truth that was read once for all invariants. */
export interface Evidence extends Case {
  truths: readonly UnitTruth[];
  /** Seats of subscriptions, by library. */
  seatTruths: readonly ({ uId: string } & ReturnType<SimulatorAdmin['subscriptions']>)[];
  /** Rows of one statement. */
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
}

/** One group of invariants: a sentence for each violation. */
export type Invariant = (evidence: Evidence) => Promise<string[]> | string[];
