/** What operations are told by those who drive commands. @module */
import type { DeviceRequestKind, DeviceResult } from '../mdm-ports.ts';

/** How a command ended. */
export type CommandEnd = 'ACKNOWLEDGED' | 'FAILED' | 'MALFORMED' | 'REFUSED' | 'LOST' | 'TIMED_OUT' | 'CANCELLED';

/**
 * A command that came to its end, or one that had ended without an answer and was answered late. Lists are told too,
 * since some states of apps are told by a device once and never again (MDM sheet §1.4).
 */
export interface EndedCommand {
  id: bigint;
  deviceId: bigint | null;
  /** The operation that it works for; null for inventory. */
  operationId: bigint | null;
  kind: DeviceRequestKind;
  state: CommandEnd;
  /** What the device answered; null when it did not. */
  result: DeviceResult | null;
}
