/** The webhooks that NanoMDM and NanoHUB post to: one address a connection. @module */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Services } from '../domain/context.ts';
import { createDeviceIntake, type DeviceIntake } from '../domain/device-news/receive.ts';
import { mdmWebhookPath } from '../domain/mdm/address.ts';
import { createMdmWebhooks, type MdmWebhook } from '../domain/mdm/webhook.ts';
import { readNanoMdmMessage } from '../mdm/nanomdm/webhook.ts';
import { readBytes } from './read-body.ts';
import { respondError } from './respond.ts';

/** Answers a request to a webhook; false for any other path. */
export type MdmWebhookEndpoint = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

const webhookId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Parts {
  intake: DeviceIntake;
  webhookOf: (id: string) => Promise<MdmWebhook | null>;
  services: Services;
  maxBytes: number;
}

/** The webhooks of one server. Nothing of a request is logged but its path. */
export function createMdmWebhookEndpoint(services: Services, maxBytes: number): MdmWebhookEndpoint {
  const parts = { intake: createDeviceIntake(services), webhookOf: createMdmWebhooks(services), services, maxBytes };
  return async (request, response) => {
    const [path] = (request.url ?? '/').split('?', 1);
    if (!path!.startsWith(mdmWebhookPath)) return false;
    const id = path!.slice(mdmWebhookPath.length);
    if (!webhookId.test(id)) refuse(request, response);
    else if (request.method !== 'POST') respondError(response, 405, 'METHOD_NOT_ALLOWED', 'POST a message here.');
    else await take(parts, id, request, response);
    return true;
  };
}

/** The same words for a wrong signature and for a webhook that does not exist. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  respondError(response, 403, 'FORBIDDEN', 'This is no webhook of yours.');
}

async function take(parts: Parts, id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { maxBytes } = parts;
  const body = await readBytes(request, maxBytes).catch(() => undefined);
  // Whoever went away is answered nothing.
  if (body === undefined) return void response.destroy();
  if (body === null)
    return respondError(response, 413, 'TOO_LARGE', `A message has at most ${maxBytes} bytes.`, {
      connection: 'close',
    });
  const outcome = await store(parts, id, body, signatureOf(request)).catch((error: unknown) => {
    parts.services.logger.error({ error }, 'what an MDM server told could not be stored');
    return 'UNAVAILABLE' as const;
  });
  if (outcome === 'UNAVAILABLE') return respondError(response, 503, 'UNAVAILABLE', 'It could not be stored.');
  if (outcome === 'UNKNOWN') return refuse(request, response);
  if (outcome === 'UNREADABLE') return respondError(response, 400, 'BAD_REQUEST', 'This is no message of NanoMDM.');
  // Nothing but 200 counts as success there (MDM sheet §4.1).
  response.writeHead(200, { 'cache-control': 'no-store', 'content-length': 0 });
  response.end();
}

/** Stores a message. The signature is looked at before a byte of it is read as anything. */
async function store({ intake, webhookOf }: Parts, id: string, body: Buffer, signature: string) {
  const webhook = await webhookOf(id);
  if (!webhook?.isGenuine(body, signature)) return 'UNKNOWN';
  const news = readNanoMdmMessage(body);
  if (!news) return 'UNREADABLE';
  const { organizationId, connectionId } = webhook;
  const key = createHash('sha256').update(body).digest('hex');
  await intake.receive({ organizationId, connectionId }, [{ news, key }]);
  return 'STORED';
}

function signatureOf({ headers }: IncomingMessage): string {
  const signature = headers['x-hmac-signature'];
  return typeof signature === 'string' ? signature : '';
}
