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
  signal: AbortSignal;
}

/** Posts it once and says what came of it. Redirects are not followed; the body of the answer is not read. */
export async function postNotification(parcel: Parcel): Promise<Omit<Attempt, 'at'>> {
  try {
    const response = await fetch(parcel.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json;charset=utf-8',
        ...(parcel.authorization === undefined ? {} : { authorization: parcel.authorization }),
      },
      body: parcel.body,
      redirect: 'manual',
      signal: AbortSignal.any([parcel.signal, AbortSignal.timeout(parcel.timeoutMs)]),
    });
    await response.body?.cancel();
    return { status: response.status };
  } catch (error) {
    return { error: reasonOf(error) };
  }
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
