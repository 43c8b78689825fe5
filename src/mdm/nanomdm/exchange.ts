/**
 * One HTTP exchange with an MDM server: no redirects, no repeats, a bound on time and size. What an answer means is
 * decided in `answer.ts`. No error or log line holds a part of a credential or of a body.
 * @module
 */
import type { MdmAccess } from '../../domain/mdm-ports.ts';
import { createGuardedFetch, type Resolve } from '../../lib/guarded-fetch.ts';
import { type Logger, silentLogger } from '../../lib/logger.ts';
import type { MdmCall, Reply } from './call.ts';
import { lostAnswer, noConnection } from './network-failure.ts';

/** Longest answer that is read, in bytes. One for 100 devices has some 20 kB. */
const maxAnswerBytes = 1024 * 1024;

/** Does one exchange. @throws MdmFailure when there is no answer. */
export type Exchange = (access: MdmAccess, call: MdmCall) => Promise<Reply>;

/** What an exchange is made with. */
export interface ExchangeOptions {
  logger?: Logger | undefined;
  fetch?: typeof fetch | undefined;
  /** How names are looked up. Default: as Node does. */
  resolve?: Resolve | undefined;
}

/** Makes an {@link Exchange}. */
export function createExchange(options: ExchangeOptions): Exchange {
  const { logger = silentLogger } = options;
  const send = createGuardedFetch(options.resolve, options.fetch);
  return async (access, call) => {
    const started = performance.now();
    const { operation, url } = call;
    let status: number | undefined;
    try {
      const reply = await receive(send, access, call);
      status = reply.status;
      return reply;
    } finally {
      const milliseconds = Math.round(performance.now() - started);
      logger.debug({ operation, host: url.host, status, milliseconds }, 'call to an MDM server');
    }
  };
}

async function receive(send: typeof fetch, access: MdmAccess, call: MdmCall): Promise<Reply> {
  call.signal?.throwIfAborted();
  const late = AbortSignal.timeout(call.timeout);
  const signal = call.signal ? AbortSignal.any([late, call.signal]) : late;
  try {
    const response = await send(call.url, { ...requestOf(access, call), redirect: 'manual', signal });
    return { status: response.status, text: await readBounded(response) };
  } catch (error) {
    call.signal?.throwIfAborted();
    throw late.aborted ? lostAnswer(call, `within ${call.timeout / 1000} s`) : noConnection(call, error);
  }
}

function requestOf({ userName, apiKey }: MdmAccess, { method, body }: MdmCall): RequestInit {
  const headers: Record<string, string> = {
    accept: 'application/json',
    authorization: `Basic ${Buffer.from(`${userName}:${apiKey}`, 'utf8').toString('base64')}`,
    'user-agent': 'Russet',
  };
  if (body === undefined) return { method, headers };
  return { method, headers: { ...headers, 'content-type': 'application/xml' }, body };
}

async function readBounded(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > maxAnswerBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
