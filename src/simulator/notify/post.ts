/** Hands one notification to a client over HTTP. @module */
import type { Attempt } from './delivery.ts';

/** Where to and with what. */
export interface Parcel {
  url: string;
  /** Whole Authorization header; absent sends none. */
  authorization?: string;
  /** The body as text. */
  body: string;
  timeoutMs: number;
  /** Ends every attempt when the simulator ends. */
  signal: AbortSignal;
}

/** Posts it once and says what came of it. Redirects are not followed; the body of the answer is not read. */
export async function postNotification(parcel: Parcel): Promise<Omit<Attempt, 'at'>> {
  // By hand, because AbortSignal.any keeps something of every signal for as long as the simulator's own one lives.
  const limit = new AbortController();
  const end = () => limit.abort();
  const timer = setTimeout(() => limit.abort(new DOMException('no answer in time', 'TimeoutError')), parcel.timeoutMs);
  parcel.signal.addEventListener('abort', end, { once: true });
  try {
    if (parcel.signal.aborted) end();
    return { status: await post(parcel, limit.signal) };
  } catch (error) {
    return { error: reasonOf(error) };
  } finally {
    clearTimeout(timer);
    parcel.signal.removeEventListener('abort', end);
  }
}

async function post({ url, authorization, body }: Parcel, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json;charset=utf-8',
      ...(authorization === undefined ? {} : { authorization }),
    },
    body,
    redirect: 'manual',
    signal,
  });
  await response.body?.cancel();
  return response.status;
}

/** Whether an attempt was a success: any 2xx. */
export function isDelivered({ status }: Omit<Attempt, 'at'>): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as { code?: unknown } | undefined;
  return typeof cause?.code === 'string' ? cause.code : error.name;
}
