/** What a call to Apple is made of. @module */
import type { z } from 'zod';
import type { Credential } from '../domain/ports.ts';

/** One call. */
export interface AppleRequest<Answer> {
  /** Apple's name of the endpoint, for messages and logs. */
  operation: string;
  method: 'GET' | 'POST';
  url: URL;
  /** Shape of a good answer; Apple's errors are told apart before it is looked at. */
  answer: z.ZodType<Answer>;
  /** The token file's text; goes out verbatim, as bearer or as the cookie `itvt` (metadata, fact sheet §16B). */
  credential?: { text: Credential; as: 'bearer' | 'cookie' };
  /** Token of the Apple Developer Program, as bearer beside the cookie (fact sheet §16A). */
  developerToken?: string;
  /** JSON body of a POST. */
  body?: object;
  /** Milliseconds for the whole exchange, the body included. */
  timeout: number;
  /** Ends the exchange early; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}
