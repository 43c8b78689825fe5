/** An MDM server whose conformance is looked at: the simulator's, or a real one. @module */

/** Where a server sends what devices say. */
export interface Webhook {
  url: string;
  hmacKey: string;
}

/** One that runs on this machine, without push certificate: devices come by themselves. */
export interface ServerUnderTest {
  baseUrl: string;
  apiKey: string;
  /** Where devices come in, and the header that holds their certificate. */
  doorUrl: string;
  certificateHeader: string;
  /** What it calls its version. */
  version: string;
  flavor: 'NANOMDM' | 'NANOHUB';
  /** Ends it and starts it again with what it has stored, and from then on with this webhook. */
  restart(webhook?: Webhook): Promise<void>;
  close(): Promise<void>;
}

/** Starts one. `authority` is the certificate of whoever vouches for devices, as PEM. */
export type StartServer = (authority: string) => Promise<ServerUnderTest>;

export const certificateHeader = 'X-Device-Certificate';
