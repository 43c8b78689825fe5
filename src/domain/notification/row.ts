/** A token's webhook as it is read; its address is not among what people see. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';
import type { SecondManager, WebhookFacts } from './state.ts';

/** The webhook of one token. */
export interface WebhookRow extends WebhookFacts {
  /** The token's id. */
  id: bigint;
  secondManager: SecondManager | null;
  /** Notifications that were set aside. */
  setAside: number;
}

const webhookShape = shape<WebhookRow>({
  fields: {
    id: 'w.token_id',
    webhookId: 'w.webhook_id',
    registeredUrl: 'w.registered_url',
    registeredAt: 'w.registered_at',
    problem: 'w.problem',
    lastReceivedAt: 'w.last_received_at',
    secondManager: 'w.second_manager',
    setAside: 'w.set_aside',
  },
  bigints: ['id'],
  moments: ['registeredAt', 'lastReceivedAt'],
});

/** The webhooks of these tokens, in no order. */
export function readWebhooks(reader: Rows, organizationId: bigint, tokenIds: readonly bigint[]): Promise<WebhookRow[]> {
  return reader.rows<WebhookRow>(sql`
    SELECT ${webhookShape.columns} FROM token_webhook w WHERE w.organization_id = ${organizationId} AND w.token_id = ANY (${ids(tokenIds)})`);
}
