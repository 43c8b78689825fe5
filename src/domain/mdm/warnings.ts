/** What is good to know of a connection that works. @module */
import type { Settings } from '../context.ts';
import type { Connection } from './find.ts';

/** One warning. */
export interface MdmWarning {
  code: 'UNSIGNED_WEBHOOK' | 'NOT_ENCRYPTED' | 'NO_PUBLIC_URL';
  message: string;
}

/** What could be better. Nothing of a server that asks Russet itself. */
export function warningsOf(connection: Connection, { publicUrl }: Pick<Settings, 'publicUrl'>): MdmWarning[] {
  if (connection.kind !== 'NANOMDM') return [];
  const warnings: MdmWarning[] = [];
  if (connection.hmacKeyJwe === null)
    warnings.push({
      code: 'UNSIGNED_WEBHOOK',
      message:
        'Without an HMAC key the address of the webhook is all that guards it: whoever knows it can claim anything of your devices. Start the server with -webhook-hmac-key and give Russet the same key.',
    });
  const url = new URL(connection.baseUrl!);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    warnings.push({
      code: 'NOT_ENCRYPTED',
      message: 'The API key travels unencrypted: use https, or a network that you trust.',
    });
  if (publicUrl === null)
    warnings.push({
      code: 'NO_PUBLIC_URL',
      message:
        'PUBLIC_URL is not set, so Russet knows the path of the webhook only: put the address at which the MDM server reaches Russet before it.',
    });
  return warnings;
}

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127\./.test(host);
