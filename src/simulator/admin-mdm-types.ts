/** The verbs that control the simulated MDM server. @module */
import type { SentEvent } from './devices/mdm/messenger.ts';
import type { StoredEnrollment } from './devices/mdm/store.ts';

/** How a client reaches the MDM server. */
export interface MdmAccessInfo {
  baseUrl: string;
  pathPrefix: string;
  userName: string;
  apiKey: string;
  /** Where devices come in. */
  doorUrl: string;
}

/** A command that waits. */
export interface WaitingCommand {
  uuid: string;
  requestType: string;
  /** Whether the device put it off. */
  notNow: boolean;
}

/** Control of the MDM server. Its behavior is in the options (`mdm`). */
export interface MdmAdmin {
  access(): MdmAccessInfo;
  enrollments(): (Omit<StoredEnrollment, 'push'> & { reachable: boolean })[];
  /** What waits for a device, first to come first. No real server tells. */
  queue(order: { id: string }): WaitingCommand[];
  /** Events for the webhook and what became of them; the last 20,000. */
  events(query?: { since?: number; id?: string; limit?: number }): SentEvent[];
  /** Waits until no event is under way, those that were held back included. */
  settle(): Promise<void>;
  /** Forgets enrollments, queues and events. */
  clear(): void;
}
