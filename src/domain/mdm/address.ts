/** Where an MDM server posts what its devices tell. @module */
import type { Settings } from '../context.ts';

/** Path of the webhooks; a connection's own id follows. */
export const mdmWebhookPath = '/mdm/';

/** Path and, when the installation knows its own address, the whole address of a connection's webhook. */
export function mdmWebhook({ publicUrl }: Pick<Settings, 'publicUrl'>, webhookId: string) {
  const path = `${mdmWebhookPath}${webhookId}`;
  return { path, url: publicUrl === null ? null : `${publicUrl}${path}` };
}
