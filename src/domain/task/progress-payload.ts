/** What an event of a task says, as it is stored and as it is read. @module */
import type { TaskOutcome, TaskState } from '../../generated/prisma/enums.ts';
import type { TaskCause } from './change.ts';

/** Where a task stands. Counts are of items: licenses, or rows of a sync. */
export interface TaskProgress {
  state: TaskState;
  phase: string | null;
  waitsFor: string | null;
  waitsUntil: Date | null;
  requested: bigint;
  completed: bigint;
  failed: bigint;
  /** Items that Apple says are done and that are not settled here yet. */
  reported: bigint;
  outcome: TaskOutcome | null;
  cause: TaskCause | null;
  startedAt: Date | null;
  finishedAt: Date | null;
}

/** The same as JSON: counts are decimal strings, moments ISO 8601 in UTC. */
export type ProgressPayload = {
  [Field in keyof TaskProgress]: TaskProgress[Field] extends bigint
    ? string
    : TaskProgress[Field] extends Date | null
      ? string | null
      : TaskProgress[Field];
};

/** Reads a stored payload. */
export function readProgress(payload: ProgressPayload): TaskProgress {
  return {
    ...payload,
    waitsUntil: readMoment(payload.waitsUntil),
    requested: BigInt(payload.requested),
    completed: BigInt(payload.completed),
    failed: BigInt(payload.failed),
    reported: BigInt(payload.reported ?? 0),
    startedAt: readMoment(payload.startedAt),
    finishedAt: readMoment(payload.finishedAt),
  };
}

/** Whether nothing follows this state. */
export function isOver(state: TaskState): boolean {
  return state === 'SUCCEEDED' || state === 'FAILED' || state === 'CANCELLED';
}

function readMoment(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
