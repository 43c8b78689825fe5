/** `/metrics`, for whoever knows its token. Without a configured token there is no such path. @module */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sameText } from '../../lib/same-text.ts';
import { bearerKey } from '../authenticate.ts';
import { respondError } from '../respond.ts';
import type { Metrics } from './registry.ts';

/** Metrics, and what must be sent to read them. */
export interface GuardedMetrics {
  metrics: Metrics;
  token: string;
}

/** Answers `/metrics`; false for any other path, and where there are none. */
export async function handleMetrics(
  guarded: GuardedMetrics | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (!guarded || request.url?.split('?', 1)[0] !== '/metrics') return false;
  if (!sameText(bearerKey(request.headers.authorization) ?? '', guarded.token)) {
    const message = 'Send the value of METRICS_TOKEN as a bearer token.';
    respondError(response, 401, 'UNAUTHENTICATED', message, { 'www-authenticate': 'Bearer' });
    return true;
  }
  const text = await guarded.metrics.text();
  response.writeHead(200, { 'content-type': guarded.metrics.contentType, 'cache-control': 'no-store' });
  response.end(text);
  return true;
}
