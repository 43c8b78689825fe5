/** How the MDM server of an organization is called. @module */
import type { Services } from '../context.ts';
import type { MdmAccess } from '../mdm-ports.ts';
import { mdmSecretRow } from './secrets.ts';

/** What of a connection leads to its server. */
export interface MdmAddress {
  baseUrl: string | null;
  pathPrefix: string | null;
  userName: string | null;
  apiKeyJwe: string | null;
  webhookId: string;
}

/** How to call the server of a connection; null when Russet calls none. Don't keep it: it holds the key. */
export async function openAccess(
  { secrets }: Pick<Services, 'secrets'>,
  { baseUrl, pathPrefix, userName, apiKeyJwe, webhookId }: MdmAddress,
): Promise<MdmAccess | null> {
  if (baseUrl === null || pathPrefix === null || userName === null || apiKeyJwe === null) return null;
  const apiKey = await secrets.open(apiKeyJwe, mdmSecretRow(webhookId, 'api-key'));
  return { baseUrl, pathPrefix, userName, apiKey };
}
