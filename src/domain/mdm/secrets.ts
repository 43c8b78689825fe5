/** Secrets of a connection: sealed like those of tokens, each bound to its row and its use. @module */
import type { KeyRing } from '../token/key-ring.ts';

/** A secret of a connection. */
export type MdmSecret = 'api-key' | 'hmac-key';

/** What a secret belongs to: a text that was moved to another row or column does not open. */
export const mdmSecretRow = (webhookId: string, secret: MdmSecret): string => `mdm:${webhookId}:${secret}`;

/** The columns of a connection's secrets; an absent HMAC key is null. */
export async function sealSecrets(
  { secrets }: { secrets: Pick<KeyRing, 'seal'> },
  webhookId: string,
  { apiKey, hmacKey }: { apiKey: string; hmacKey: string | null },
): Promise<{ apiKeyJwe: string; hmacKeyJwe: string | null; keyId: string }> {
  const api = await secrets.seal(apiKey, mdmSecretRow(webhookId, 'api-key'));
  const hmac = hmacKey === null ? null : await secrets.seal(hmacKey, mdmSecretRow(webhookId, 'hmac-key'));
  return { apiKeyJwe: api.jwe, hmacKeyJwe: hmac?.jwe ?? null, keyId: api.keyId };
}
