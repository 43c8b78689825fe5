/**
 * Which state of an operation may follow which. Data only, as for licenses: the database applies it in `transition.ts`, and
 * a test walks through it.
 * @module
 */
import type { AppOperationKind, AppOperationState } from '../../generated/prisma/enums.ts';

/** One step of an operation. */
export interface OperationRule {
  from: readonly AppOperationState[];
  to: AppOperationState;
  /** Only these kinds take it; all when absent. */
  kinds?: readonly AppOperationKind[];
}

const waiting = ['WAITING_FOR_LICENSE', 'READY', 'PROPAGATING'] as const;
const atDevice = ['SENT', 'INSTALLING', 'PROMPTING'] as const;
const open = [...waiting, ...atDevice] as const;

/** Every step there is. */
export const operationRules = {
  /** The license is there, or gone where that was waited for. */
  ALLOW: { from: ['WAITING_FOR_LICENSE'], to: 'READY' },
  /** The license is not there any more, and comes again. */
  HOLD: { from: ['READY', 'PROPAGATING'], to: 'WAITING_FOR_LICENSE' },
  SEND: { from: ['READY', 'PROPAGATING'], to: 'SENT' },
  ACCEPT: { from: ['SENT', 'PROMPTING'], to: 'INSTALLING' },
  PROMPT: { from: ['SENT', 'INSTALLING'], to: 'PROMPTING' },
  PROPAGATE: { from: atDevice, to: 'PROPAGATING', kinds: ['INSTALL', 'UPDATE'] },
  /** Its command did nothing: once more. */
  REPEAT: { from: atDevice, to: 'READY' },
  CONFIRM: { from: open, to: 'DONE' },
  STAY: { from: ['INSTALLING'], to: 'UNCHANGED', kinds: ['UPDATE'] },
  FAIL: { from: open, to: 'FAILED' },
  TIME_OUT: { from: open, to: 'TIMED_OUT' },
  /** What was sent runs its course. */
  CANCEL: { from: waiting, to: 'CANCELLED' },
} as const satisfies Record<string, OperationRule>;

/** The name of a step. */
export type OperationStep = keyof typeof operationRules;

/** States that nothing follows. */
export const endStates: readonly AppOperationState[] = ['DONE', 'UNCHANGED', 'FAILED', 'TIMED_OUT', 'CANCELLED'];

/** Whether an operation is over after this step. */
export const endsOperation = (step: OperationStep): boolean => endStates.includes(operationRules[step].to);
