import type { IncomingMessage, ServerResponse } from 'node:http';
import { mdmWebhookPath } from '../domain/mdm/address.ts';
import { webhookPath } from '../domain/notification/address.ts';
import type { Logger } from '../lib/logger.ts';

/**
 * One line for each request, written when its answer is out or its client is gone. Health checks are
 * not worth one, and notifications and messages of devices that were taken come by the hundred: who applies them says so.
 * The address of an MDM server's webhook may be all that guards it, so it is not written down.
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
    const ofMdm = path.startsWith(mdmWebhookPath);
    if ((status === 204 && path.startsWith(webhookPath)) || (status === 200 && ofMdm)) return;
    const milliseconds = Math.round(performance.now() - began);
    const shown = ofMdm ? `${mdmWebhookPath}…` : path;
    logger.info({ correlationId, method: request.method, path: shown, status, whole, milliseconds }, 'request');
  });
}
