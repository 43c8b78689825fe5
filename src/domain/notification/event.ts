/** Writes and the events that Apple made of them. @module */
import type { LicenseCallKind } from '../license/call.ts';
import type { Told } from './read-due.ts';

/** A call of ours by Apple's event. */
export interface EventCall {
  id: bigint;
  taskId: bigint;
  kind: LicenseCallKind;
  state: string;
  eventId: string;
}

/** Pieces of one event. */
export interface ToldEvent {
  eventId: string;
  rows: Told<'WRITE'>[];
}
