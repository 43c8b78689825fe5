import { randomBytes } from 'node:crypto';

/** A new encryption key as it stands in ENCRYPTION_KEYS; its name says when it was made. */
export function newEncryptionKey(now: Date): string {
  const name = `${now.toISOString().slice(0, 10)}-${randomBytes(2).toString('hex')}`;
  return `${name}:${randomBytes(32).toString('base64')}`;
}
