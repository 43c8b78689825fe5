/**
 * One HTTP exchange with Apple: native fetch, no redirects, no repeats, a bound on time and size. What an answer means
 * is decided in `answer.ts`. No error, cause or log line holds a part of a credential or of a body.
 * @module
 */
import { AppleFailure } from '../domain/ports.ts';
import type { Clock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { type CallRecord, type Reply, readAnswer } from './answer.ts';
import type { Connections } from './connections.ts';
import { connectionFailure, timeoutFailure } from './network-failure.ts';
import type { AppleRequest } from './request.ts';

/** Longest answer that is read, in bytes after decompression. A page of 1000 rows has about 300 kB. */
export const defaultMaxBodyBytes = 16 * 1024 * 1024;

/** Apple's service is somewhere else by now, or is to be asked on another connection. */
const moved: readonly (number | undefined)[] = [9617, 9729];

/** Does one exchange. @throws AppleFailure */
export type Exchange = <Answer>(request: AppleRequest<Answer>) => Promise<Answer>;

/** Options of {@link createExchange}. */
export interface ExchangeOptions {
  /** What a Retry-After date is compared with. Timeouts run in real time. */
  clock: Clock;
  /** Gets one line at `debug` for each call: operation, status, errorNumber, milliseconds, uId. */
  logger?: Logger | undefined;
  /** Default: the fetch of Node. */
  fetch?: typeof fetch | undefined;
  /** Given up when Apple says that its service moved. Default: those that all of the process shares. */
  connections?: Connections | undefined;
  /** Called when Apple says so. */
  onMoved?: (() => void) | undefined;
  /** Default {@link defaultMaxBodyBytes}. */
  maxBodyBytes?: number | undefined;
}

/** The one way to Apple. Never repeats a call: rate slots are taken outside, so only the domain may. */
export function createExchange(options: ExchangeOptions): Exchange {
  const { clock, logger = silentLogger, maxBodyBytes = defaultMaxBodyBytes, connections } = options;
  const plain = options.fetch ?? fetch;
  const send: typeof fetch = (url, init) => plain(url, { ...init, ...connections?.options() });

  return async (request) => {
    const started = clock.now().getTime();
    const record: CallRecord = {};
    try {
      const reply = await receive(send, request, maxBodyBytes);
      return readAnswer(request, reply, clock.now(), record);
    } catch (error) {
      if (error instanceof AppleFailure) record.failure = error.kind;
      if (moved.includes(record.errorNumber)) {
        connections?.renew();
        options.onMoved?.();
      }
      throw error;
    } finally {
      const { operation, method } = request;
      logger.debug({ operation, method, ...record, milliseconds: clock.now().getTime() - started }, 'call to Apple');
    }
  };
}

async function receive<Answer>(send: typeof fetch, request: AppleRequest<Answer>, maxBytes: number): Promise<Reply> {
  request.signal?.throwIfAborted();
  const init = requestInit(request);
  const stop = new AbortController();
  const cancel = () => stop.abort();
  const timer = setTimeout(cancel, request.timeout);
  request.signal?.addEventListener('abort', cancel, { once: true });
  try {
    const response = await send(request.url, { ...init, redirect: 'manual', signal: stop.signal });
    const text = await readBounded(response, maxBytes);
    return { status: response.status, retryAfter: response.headers.get('retry-after'), text };
  } catch (error) {
    request.signal?.throwIfAborted();
    throw stop.signal.aborted ? timeoutFailure(request) : connectionFailure(request, error);
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', cancel);
  }
}

function requestInit<Answer>(request: AppleRequest<Answer>): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'Russet' };
  if (request.credential) {
    const { text, as } = request.credential;
    // Fetch would put a text that fits into no header into its error message.
    if (!/^[\w+/=.~-]+$/.test(text))
      throw new AppleFailure('TOKEN_INVALID', 'The token holds characters that no token has');
    if (as === 'bearer') headers.authorization = `Bearer ${text}`;
    else headers.cookie = `itvt=${text}`;
  }
  if (request.developerToken) headers.authorization = `Bearer ${request.developerToken}`;
  if (!request.body) return { method: request.method, headers };
  headers['content-type'] = 'application/json';
  return { method: request.method, headers, body: JSON.stringify(request.body) };
}

/** The body as text, or null when it is longer than `maxBytes`; the rest is then not read. */
async function readBounded(response: Response, maxBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
