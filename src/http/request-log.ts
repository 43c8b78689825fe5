import type { IncomingMessage, ServerResponse } from 'node:http';
import { webhookPath } from '../domain/notification/address.ts';
import type { Logger } from '../lib/logger.ts';

/**
 * One line for each request, written when its answer is out or its client is gone. Health checks are
 * not worth one, and notifications that were taken come by the hundred: who applies them says so.
 */
export function logRequest(
  logger: Logger,
  request: IncomingMessage,
  response: ServerResponse,
  correlationId: string,
): void {
  const path = (request.url ?? '/').split('?', 1)[0]!;
  if (path.startsWith('/health/')) return;
  const began = performance.now();
  response.once('close', () => {
    const { statusCode: status, writableFinished: whole } = response;
    if (status === 204 && path.startsWith(webhookPath)) return;
    const milliseconds = Math.round(performance.now() - began);
    logger.info({ correlationId, method: request.method, path, status, whole, milliseconds }, 'request');
  });
}
