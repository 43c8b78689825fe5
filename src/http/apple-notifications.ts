/** The webhooks that Apple posts its notifications to: one address a token. @module */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Services } from '../domain/context.ts';
import { webhookPath } from '../domain/notification/address.ts';
import { createIntake } from '../domain/notification/receive.ts';
import { bearerKey } from './authenticate.ts';
import { readBody } from './read-body.ts';
import { respondError } from './respond.ts';

/** Answers a request to a webhook; false for any other path. */
export type NotificationEndpoint = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

const webhookId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The webhooks of one server. Nothing of a request is logged but its path. */
export function createNotificationEndpoint(services: Services, maxBytes: number): NotificationEndpoint {
  const intake = createIntake(services);
  return async (request, response) => {
    const [path] = (request.url ?? '/').split('?', 1);
    if (!path!.startsWith(webhookPath)) return false;
    const id = path!.slice(webhookPath.length);
    const authentic = intake.isAuthentic(id, bearerKey(request.headers.authorization));
    if (!authentic || !webhookId.test(id)) refuse(request, response);
    else if (request.method !== 'POST') respondError(response, 405, 'METHOD_NOT_ALLOWED', 'POST a notification here.');
    else await take(intake, id, request, response, maxBytes, services);
    return true;
  };
}

/** The same words for a wrong bearer and for a webhook that does not exist. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  respondError(response, 403, 'FORBIDDEN', 'This is no webhook of yours.');
}

async function take(
  intake: ReturnType<typeof createIntake>,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  services: Services,
): Promise<void> {
  const body = await readBody(request, maxBytes).catch(() => undefined);
  // Whoever went away is answered nothing.
  if (body === undefined) return void response.destroy();
  if (body === null) {
    // What is left of it is not waited for.
    return respondError(response, 413, 'TOO_LARGE', `A notification has at most ${maxBytes} bytes.`, {
      connection: 'close',
    });
  }
  const received = await intake.receive(id, body).catch((error: unknown) => {
    services.logger.error({ error }, 'a notification could not be stored; Apple sends it again');
    return null;
  });
  if (received === null) return respondError(response, 503, 'UNAVAILABLE', 'It could not be stored. Send it again.');
  if (received === 'UNKNOWN') return refuse(request, response);
  if (received === 'UNREADABLE') return respondError(response, 400, 'BAD_REQUEST', 'The body must be a JSON object.');
  response.writeHead(204, { 'cache-control': 'no-store' });
  response.end();
}
