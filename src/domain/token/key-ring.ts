/**
 * The installation's encryption keys: AES-256-GCM as a compact JWE that names its key and the row it belongs to. A text
 * that was moved to another row does not open.
 * @module
 */
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';

/** A key of the installation. */
export interface EncryptionKey {
  id: string;
  /** 32 bytes. */
  bytes: Uint8Array;
}

/** A secret as it is stored. */
export interface Sealed {
  jwe: string;
  /** The key that it is sealed with. */
  keyId: string;
}

/** Seals and opens; the first key writes, all of them read. */
export interface KeyRing {
  /** Names of the keys, the writing one first. */
  ids: readonly string[];
  /** Encrypts with the first key. `row` is what the secret belongs to, e.g. `token:<mdm id>`. */
  seal(secret: string, row: string): Promise<Sealed>;
  /** Decrypts. Throws when the key is missing, the text was changed, or it belongs to another row. */
  open(jwe: string, row: string): Promise<string>;
}

/** A ring of keys. */
export function createKeyRing(keys: readonly EncryptionKey[]): KeyRing {
  const [first] = keys;
  if (!first) throw new RangeError('at least one encryption key is needed');
  for (const key of keys)
    if (key.bytes.length !== 32) throw new RangeError(`encryption key ${key.id} must have 32 bytes`);
  const byId = new Map(keys.map((key) => [key.id, key.bytes]));
  return {
    ids: keys.map((key) => key.id),
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
  };
}

/** Name of the key that a text is sealed with. Anybody can read it; nothing is opened. */
export function keyIdOf(jwe: string): string {
  return String(decodeProtectedHeader(jwe).kid);
}
