/**
 * Keeps secrets: AES-256-GCM as a compact JWE that names its key and the row it belongs to. A text that was moved to
 * another row does not open.
 * @module
 */
import { createHash, createHmac } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** A key of the installation. */
export interface EncryptionKey {
  id: string;
  /** 32 bytes. */
  bytes: Uint8Array;
}

/** Seals, opens and recognizes secrets. */
export interface SecretBox {
  /** Encrypts with the first key. `row` is what the secret belongs to, e.g. `token:<mdm id>`. */
  seal(secret: string, row: string): Promise<{ jwe: string; keyId: string }>;
  /** Decrypts. Throws when the key is missing, the text was changed, or it belongs to another row. */
  open(jwe: string, row: string): Promise<string>;
  /** A keyed hash: equal texts give equal marks, and nothing can be learned from one. */
  mark(text: string): string;
  /** Tells installations' keys apart without giving them away. */
  fingerprint: string;
}

/** A secret box over keys; the first one writes, all of them read. */
export function createSecretBox(keys: readonly EncryptionKey[]): SecretBox {
  const [first] = keys;
  if (!first) throw new RangeError('at least one encryption key is needed');
  for (const key of keys)
    if (key.bytes.length !== 32) throw new RangeError(`encryption key ${key.id} must have 32 bytes`);
  const byId = new Map(keys.map((key) => [key.id, key.bytes]));
  // The oldest key marks, so that putting a new key in front does not make known files look new.
  const marking = keys[keys.length - 1]!.bytes;

  return {
    fingerprint: createHash('sha256').update('russet key').update(marking).digest('hex').slice(0, 32),
    async seal(secret, row) {
      const jwe = await new CompactEncrypt(new TextEncoder().encode(secret))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: first.id, row })
        .encrypt(first.bytes);
      return { jwe, keyId: first.id };
    },
    async open(jwe, row) {
      const { plaintext, protectedHeader } = await compactDecrypt(
        jwe,
        (header) => {
          const key = byId.get(String(header.kid));
          if (!key) throw new Error(`the encryption key "${header.kid}" is not configured`);
          return key;
        },
        { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
      );
      if (protectedHeader.row !== row) throw new Error('a secret was found in a row that it does not belong to');
      return new TextDecoder().decode(plaintext);
    },
    mark: (text) => createHmac('sha256', marking).update(text).digest('hex'),
  };
}
