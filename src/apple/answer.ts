/** Tells a good answer of Apple's from a refusal and from noise on the way. @module */
import { AppleFailure, type AppleFailureKind } from '../domain/ports.ts';
import { meaningOf } from './errors.ts';
import type { AppleRequest } from './request.ts';
import { parseRetryAfter } from './retry-after.ts';
import { readFailure } from './write-failure.ts';

/** An HTTP answer as it came in. */
export interface Reply {
  status: number;
  /** The header Retry-After. */
  retryAfter: string | null;
  /** Null when it was too long to be read. */
  text: string | null;
}

/** What the log says of a call beside its name. */
export interface CallRecord {
  status?: number;
  errorNumber?: number;
  uId?: string;
  failure?: AppleFailureKind;
}

/**
 * The content of a good answer. Apple's `errorNumber` counts at any HTTP status, also at 200 (9622, fact sheet §2.3).
 * Fills `record` on the way.
 *
 * @throws AppleFailure for anything else. A write is of unknown outcome when the answer neither says that it was
 * taken nor names an error; a named error means that nothing was begun (fact sheet §3).
 */
export function readAnswer<Answer>(request: AppleRequest<Answer>, reply: Reply, now: Date, record: CallRecord): Answer {
  record.status = reply.status;
  const body = parseObject(reply.text);
  const failure = body ? readFailure(body) : undefined;
  if (typeof body?.uId === 'string') record.uId = body.uId;
  if (failure) record.errorNumber = failure.appleErrorNumber;

  const redirected = reply.status >= 300 && reply.status < 400;
  if (redirected)
    throw new AppleFailure('UNAVAILABLE', `"${request.operation}" was answered with a redirect`, options());
  if (failure || (isRefusal(reply) && (body || reply.text === ''))) throw refusal();
  if (!body) throw unreadable('is not JSON, was cut off or is too long');
  const answer = request.answer.safeParse(body);
  if (!answer.success)
    throw unreadable(`lacks what it should have (${answer.error.issues.map(placeOf).slice(0, 3).join(', ')})`);
  return answer.data;

  function options() {
    const mayWait = reply.status === 429 || reply.status >= 500;
    const retryAfter = mayWait ? parseRetryAfter(reply.retryAfter, now) : undefined;
    return { httpStatus: reply.status, retryAfter, appleErrorNumber: failure?.appleErrorNumber, failures: failure };
  }

  function refusal(): AppleFailure {
    const meaning = meaningOf(failure?.appleErrorNumber, reply.status);
    const unsure = request.method === 'POST' && !failure && reply.status >= 500;
    const number = failure?.appleErrorNumber ?? `HTTP ${reply.status}`;
    const message = `Apple refused "${request.operation}": ${meaning.text} (${number})`;
    return new AppleFailure(unsure ? 'UNKNOWN_OUTCOME' : meaning.kind, message, options());
  }

  function unreadable(why: string): AppleFailure {
    const unsure = request.method === 'POST' && (!isRefusal(reply) || reply.status >= 500);
    const kind = reply.status === 429 ? 'RATE_LIMITED' : unsure ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE';
    return new AppleFailure(kind, `The answer to "${request.operation}" ${why} (HTTP ${reply.status})`, options());
  }
}

function isRefusal(reply: Reply): boolean {
  return reply.status < 200 || reply.status >= 400;
}

function placeOf(issue: { path: PropertyKey[] }): string {
  return issue.path.map(String).join('.') || 'all of it';
}

function parseObject(text: string | null): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text ?? '');
    return typeof body === 'object' && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
