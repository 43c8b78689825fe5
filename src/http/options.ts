/** What the HTTP server may be told, with defaults and units. @module */
import { defaultLimits, type OperationLimits } from '../graphql/limits.ts';

/** Limits of the transports. */
export interface HttpLimits {
  /** Bytes of one request body: a mutation of 10,000 ids fits. */
  maxBodyBytes: number;
  /** Bytes of one notification of Apple's, which names at most 100 items. */
  maxNotificationBytes: number;
  /** Bytes of one message of an MDM server: an app list of 1 MB as base64, and what stands around it. */
  maxDeviceMessageBytes: number;
  /** Bytes of one message over a WebSocket. */
  maxMessageBytes: number;
  /** Bytes that may wait to be sent to one WebSocket; one that is slower is cut off. */
  maxBufferedBytes: number;
  /** Operations that one WebSocket may have under way, subscriptions and others. */
  maxOperationsPerSocket: number;
  /** Milliseconds in which a new WebSocket must sign in. */
  connectionInitTimeout: number;
  /** Milliseconds between pings; a WebSocket that has not answered by the next one is cut off. */
  pingEvery: number;
  /** Milliseconds between looks at whether the key of an open stream is still good. */
  recheckKeyEvery: number;
  /** Milliseconds in which the headers of a request must be there. */
  headersTimeout: number;
  /** Milliseconds in which all of a request must be there. */
  requestTimeout: number;
  /** Milliseconds that closing waits for what is under way. */
  closeTimeout: number;
  /** Of one operation. */
  operation: OperationLimits;
}

/** The limits that hold unless somebody sets others. */
export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 2 * 1024 * 1024,
  maxNotificationBytes: 1024 * 1024,
  maxDeviceMessageBytes: 1.5 * 1024 * 1024,
  maxMessageBytes: 2 * 1024 * 1024,
  maxBufferedBytes: 4 * 1024 * 1024,
  maxOperationsPerSocket: 100,
  connectionInitTimeout: 10_000,
  pingEvery: 15_000,
  recheckKeyEvery: 60_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  closeTimeout: 10_000,
  operation: defaultLimits,
};
