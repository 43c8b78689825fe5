/** Where Apple may post, and how it proves that it is Apple. @module */
import { type Sql, sql } from '../../db/transaction.ts';
import { sameText } from '../../lib/same-text.ts';
import type { Services, Settings } from '../context.ts';

/** Path of the webhooks; a token's own id follows. */
export const webhookPath = '/apple/notifications/';

/** The address of a token's webhook, as it is registered at Apple. */
export const webhookUrl = (publicUrl: string, webhookId: string): string => `${publicUrl}${webhookPath}${webhookId}`;

/** Whether Apple posts to us, as a condition on the webhook `w`: it took the address that holds now. */
export function isLive({ publicUrl }: Pick<Settings, 'publicUrl'>): Sql {
  return publicUrl === null ? sql`false` : sql`w.registered_url = ${publicUrl + webhookPath} || w.webhook_id::text`;
}

/**
 * What Apple sends as bearer. It follows from the webhook's id and the installation's own secret: so it is kept nowhere,
 * it is good from the moment at which the webhook exists (Apple's test comes before the registration is stored), and no
 * stranger can make us look into the database.
 */
export function webhookSecret({ secrets }: Pick<Services, 'secrets'>, webhookId: string): string {
  return secrets.mark(`notifications:${webhookId}`);
}

/** Whether the bearer belongs to the webhook; takes equally long whatever is wrong with it. */
export function isAuthentic(services: Pick<Services, 'secrets'>, webhookId: string, bearer: string | null): boolean {
  return sameText(bearer ?? '', webhookSecret(services, webhookId));
}
