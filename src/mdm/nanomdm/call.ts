/** What a call of an MDM server is made of. @module */

/** One call. */
export interface MdmCall {
  /** Name for messages and logs. */
  operation: 'enqueue' | 'push' | 'test' | 'version';
  method: 'GET' | 'PUT';
  /** Whether the server may have changed something although no answer came. */
  writes: boolean;
  url: URL;
  /** A command. */
  body?: string;
  /** Milliseconds for all of it. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/** What came back. */
export interface Reply {
  status: number;
  /** Null when it was longer than what is read. */
  text: string | null;
}
