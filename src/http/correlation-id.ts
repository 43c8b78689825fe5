import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The id that the client sent as `x-correlation-id`, or a proxy as `x-request-id`, when it is a plain one, else a new one. */
export function correlationIdOf(request: IncomingMessage): string {
  const given = request.headers['x-correlation-id'] ?? request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w-]{8,64}$/.test(given) ? given : randomUUID();
}
