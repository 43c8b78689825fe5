/** A command that came to an end, as whoever planned it is told. @module */
import type { Tx } from '../../db/transaction.ts';
import type { DeviceCommandState } from '../../generated/prisma/enums.ts';
import type { DeviceRequest, DeviceRequestKind, DeviceResult } from '../mdm-ports.ts';

/** How a command ends. */
export type EndState = Exclude<DeviceCommandState, 'PLANNED' | 'SENT' | 'QUEUED'>;

/** One command that ended just now, or was answered after it had been given up. */
export interface EndedCommand {
  id: bigint;
  /** The enrollment's row. */
  enrollmentId: bigint;
  deviceId: bigint | null;
  operationId: bigint | null;
  appId: bigint | null;
  kind: DeviceRequestKind;
  request: DeviceRequest;
  state: EndState;
  /** What the device answered; null when it did not. */
  result: DeviceResult | null;
  /** Why the MDM server did not take it; null otherwise. */
  refusal: string | null;
  /** It had been given up as TIMED_OUT or LOST, and was answered nevertheless. */
  late: boolean;
  /** When it ended, or when its answer came. */
  at: Date;
}

/**
 * Told of every command that ends, in the transaction that ends it. Locks are held: the connection, the
 * enrollments and the commands; tasks, tokens and pools can't be locked any more, so seats are given back later.
 */
export type OnEnded = (tx: Tx, ended: readonly EndedCommand[]) => Promise<void>;
