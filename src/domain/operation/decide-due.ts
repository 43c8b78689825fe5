/** What is to be done with an operation that is due. Pure. @module */
import type { AppOperationKind, AppOperationState, LicenseState } from '../../generated/prisma/enums.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import type { Move } from './after-answer.ts';
import { causes, type OperationCause } from './cause.ts';
import { kinds } from './kinds.ts';
import { lookAgain, pollWait, readyPatience } from './times.ts';

/** A due operation with what decides about it. */
export interface DueOperation {
  id: bigint;
  kind: AppOperationKind;
  state: AppOperationState;
  deviceId: bigint;
  appId: bigint;
  adamId: string;
  bundleId: string | null;
  takeOver: boolean;
  createdAt: Date;
  changedAt: Date;
  notAfter: Date | null;
  /** Its task was cancelled. */
  cancelled: boolean;
  /** A command of it left for the device before. */
  told: boolean;
  /** Why it was taken back before it was sent; null where only its window closes. */
  recalled: OperationCause | null;
  /** Null when it needs none. */
  licenseState: LicenseState | null;
  /** Somebody takes the license back. */
  revoking: boolean;
  /** The enrollment's row; null while the device is not enrolled. */
  enrollmentId: bigint | null;
  enrolledAt: Date | null;
  /** When it last left the MDM server; null when it never did. */
  goneAt: Date | null;
}

/** What is to be done. */
export type Deed =
  | { move: Move }
  /** Give the device its command. */
  | { send: DeviceRequest; atOnce: number }
  /** Ask the device how it stands, and look again at `dueAt`. */
  | { ask: true; dueAt: Date }
  /** Look again then. */
  | { wait: OperationCause | null; dueAt: Date };

const after = (now: Date, wait: number): Date => new Date(now.getTime() + wait);

/** Decides. */
export function decideDue(operation: DueOperation, now: Date): Deed {
  const { id, enrollmentId, goneAt, createdAt } = operation;
  const left = enrollmentId === null && goneAt !== null && goneAt >= createdAt;
  if (left) return { move: { id, step: 'FAIL', cause: causes.unenrolled } };
  if (operation.state === 'READY' || operation.state === 'PROPAGATING') return decideUnsent(operation, now);
  if (enrollmentId === null) return { wait: null, dueAt: after(now, lookAgain) };
  if (operation.enrolledAt !== null && operation.enrolledAt > operation.changedAt) {
    const step = { step: 'REPEAT', cause: causes.enrolledAgain } as const;
    return { move: { id, ...step, dueAt: now, deadlineAt: after(now, readyPatience) } };
  }
  return { ask: true, dueAt: after(now, pollWait(now.getTime() - operation.changedAt.getTime())) };
}

function decideUnsent(operation: DueOperation, now: Date): Deed {
  const { id, enrollmentId, notAfter } = operation;
  const rule = kinds[operation.kind];
  if (operation.recalled !== null) return { move: { id, step: 'CANCEL', cause: operation.recalled } };
  if (operation.cancelled) {
    return { move: { id, step: 'CANCEL', cause: operation.told ? causes.cancelledAgain : causes.cancelled } };
  }
  if (notAfter !== null && notAfter <= now) return { move: { id, step: 'CANCEL', cause: causes.windowClosed } };
  if (rule.needsLicense && operation.licenseState !== null && operation.licenseState !== 'CONFIRMED') {
    return { move: withoutLicense(operation) };
  }
  if (rule.needsLicense && operation.revoking) return { move: { id, step: 'FAIL', cause: causes.licenseGone } };
  if (enrollmentId === null) return { wait: causes.notEnrolled, dueAt: after(now, lookAgain) };
  const request = rule.request(operation);
  if (request === null) return { move: { id, step: 'FAIL', cause: causes.noBundleId } };
  return { send: request, atOnce: rule.atOnce };
}

/** One that is on its way is waited for; one that is being taken back, or has ended, does not come again. */
function withoutLicense({ id, licenseState, revoking }: DueOperation): Move {
  const coming = (licenseState === 'REQUESTED' || licenseState === 'PENDING_AT_APPLE') && !revoking;
  return coming ? { id, step: 'HOLD' } : { id, step: 'FAIL', cause: causes.licenseGone };
}
