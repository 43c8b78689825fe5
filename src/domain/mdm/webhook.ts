/** Whose webhook an address is, and whether what is posted there is genuine. @module */
import { createHmac } from 'node:crypto';
import { sameText } from '../../lib/same-text.ts';
import type { Services } from '../context.ts';
import { mdmSecretRow } from './secrets.ts';

/** A webhook that somebody may post to. */
export interface MdmWebhook {
  organizationId: bigint;
  connectionId: bigint;
  /** Whether these bytes were signed with the connection's HMAC key; always when it has none. Equally long whatever is wrong. */
  isGenuine(body: Uint8Array, signature: string): boolean;
}

/** Milliseconds for which a webhook is remembered: a fleet of devices is told of by thousands of messages. */
const rememberFor = 5_000;
/** Most webhooks that are remembered. */
const mostRemembered = 1_000;

/** Finds webhooks by the last part of their address; null for one that no present connection of a NANOMDM has. */
export function createMdmWebhooks(
  services: Pick<Services, 'prisma' | 'clock' | 'secrets'>,
): (webhookId: string) => Promise<MdmWebhook | null> {
  const remembered = new Map<string, { until: number; webhook: Promise<MdmWebhook | null> }>();
  return (webhookId) => {
    const now = services.clock.now().getTime();
    const known = remembered.get(webhookId);
    if (known && known.until > now) return known.webhook;
    if (remembered.size >= mostRemembered) remembered.clear();
    const webhook = find(services, webhookId);
    remembered.set(webhookId, { until: now + rememberFor, webhook });
    webhook.catch(() => remembered.delete(webhookId));
    return webhook;
  };
}

async function find(
  { prisma, secrets }: Pick<Services, 'prisma' | 'secrets'>,
  webhookId: string,
): Promise<MdmWebhook | null> {
  const row = await prisma.mdmConnection.findUnique({ where: { webhookId } });
  if (!row || row.removedAt || row.kind !== 'NANOMDM') return null;
  const key = row.hmacKeyJwe && (await secrets.open(row.hmacKeyJwe, mdmSecretRow(webhookId, 'hmac-key')));
  return {
    organizationId: row.organizationId,
    connectionId: row.id,
    isGenuine: (body, signature) => key === null || sameText(signature, hmac(key, body)),
  };
}

const hmac = (key: string, body: Uint8Array) => createHmac('sha256', key).update(body).digest('base64');
