/** Where an answer leads an operation. Pure: a clock's time and what is known, to one step. @module */
import type { AppOperationKind, AppOperationState } from '../../generated/prisma/enums.ts';
import type { EndedCommand } from '../command/ended.ts';
import { causeOf, causes, type OperationCause } from './cause.ts';
import { classify, classifyState, type Reading } from './classify.ts';
import type { OperationStep } from './rules.ts';
import {
  installPatience,
  maxPropagations,
  maxRetries,
  pollWait,
  promptPatience,
  propagationWait,
  readyPatience,
  retryWait,
} from './times.ts';

/** An operation as its steps are decided on. */
export interface OpenOperation {
  id: bigint;
  kind: AppOperationKind;
  state: AppOperationState;
  deviceId: bigint;
  commandId: bigint | null;
  takeOver: boolean;
  cause: OperationCause | null;
}

/** One step to be done. `cause` stays as it was when absent. */
export interface Move {
  id: bigint;
  step: OperationStep;
  cause?: OperationCause | null;
  dueAt?: Date | null;
  deadlineAt?: Date | null;
  takeOver?: boolean;
  commandId?: bigint;
}

const after = (now: Date, wait: number): Date => new Date(now.getTime() + wait);

/** What the end of its command means for the operation; null for commands of earlier tries. */
export function afterCommand(operation: OpenOperation, ended: EndedCommand, now: Date): Move | null {
  if (operation.commandId !== ended.id || operation.state !== 'SENT') return null;
  const { id } = operation;
  switch (ended.state) {
    case 'TIMED_OUT':
      return { id, step: 'TIME_OUT', cause: causes.silent };
    case 'LOST':
      return again(operation, ended.refusal === null ? causes.enrolledAgain : causes.forgotten, now);
    case 'CANCELLED':
      return again(operation, causes.takenBack, now);
    case 'MALFORMED':
      return { id, step: 'FAIL', cause: causes.malformed };
    case 'REFUSED':
      return afterReading(operation, refusal(ended.refusal), now);
    default:
      return afterReading(operation, readAnswer(ended), now);
  }
}

/** What ManagedApplicationList tells of its app. Lists that were asked for before its command tell of earlier days. */
export function afterStatus(operation: OpenOperation, status: string, listId: bigint, now: Date): Move | null {
  if (operation.kind === 'REMOVE' || operation.commandId === null || listId < operation.commandId) return null;
  const reading = classifyState(status);
  if (reading.meaning === 'WAIT') {
    return operation.state === 'PROMPTING' ? accepted(operation, now, null) : null;
  }
  if (reading.meaning === 'PROMPTING' && operation.state === 'PROMPTING') return null;
  return afterReading(operation, reading, now);
}

function readAnswer({ request, state, result }: EndedCommand): Reading {
  const kind = request.kind === 'REMOVE_APP' ? 'REMOVE_APP' : 'INSTALL_APP';
  const app = result?.app;
  return classify(kind, { failed: state === 'FAILED', errors: result?.errors ?? [], ...(app ? { app } : {}) });
}

function refusal(words: string | null): Reading {
  return { ...causes.refused(words), meaning: 'RETRY_LATER', error: null };
}

function afterReading(operation: OpenOperation, reading: Reading, now: Date): Move {
  const { id } = operation;
  const cause = causeOf(reading, operation.cause);
  const tries = cause.tries ?? 1;
  switch (reading.meaning) {
    case 'WAIT':
      return accepted(operation, now, null);
    case 'PROMPTING':
      return { id, step: 'PROMPT', cause, dueAt: after(now, pollWait(0)), deadlineAt: after(now, promptPatience) };
    case 'PROPAGATING':
      if (tries >= maxPropagations) return { id, step: 'FAIL', cause: causes.unseen };
      return retry(id, 'PROPAGATE', cause, after(now, propagationWait(tries)));
    case 'ALREADY_THERE':
      return operation.kind === 'REMOVE' ? accepted(operation, now, cause) : takeOver(operation, now);
    case 'PERMANENT':
      return { id, step: 'FAIL', cause };
    default:
      if (tries >= (reading.tries ?? maxRetries)) return { id, step: 'FAIL', cause };
      return retry(id, 'REPEAT', cause, after(now, retryWait(tries)));
  }
}

function retry(id: bigint, step: 'PROPAGATE' | 'REPEAT', cause: OperationCause, dueAt: Date): Move {
  return { id, step, cause, dueAt, deadlineAt: after(dueAt, readyPatience) };
}

const again = ({ id }: OpenOperation, cause: OperationCause, now: Date): Move => retry(id, 'REPEAT', cause, now);

/** It works on it: asked how it stands soon, and given up when it does not get there. */
function accepted({ id }: OpenOperation, now: Date, cause: OperationCause | null): Move {
  return {
    id,
    step: 'ACCEPT',
    ...(cause ? { cause } : {}),
    dueAt: after(now, pollWait(0)),
    deadlineAt: after(now, installPatience),
  };
}

function takeOver(operation: OpenOperation, now: Date): Move {
  const { id } = operation;
  if (operation.takeOver) return { id, step: 'FAIL', cause: causes.cannotTakeOver };
  return {
    ...retry(id, 'REPEAT', { code: 'APP_NOT_MANAGED', message: 'The app was there and is being taken over.' }, now),
    takeOver: true,
  };
}
