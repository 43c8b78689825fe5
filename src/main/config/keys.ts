/** Reads the encryption keys. @module */
import { readFileSync } from 'node:fs';
import type { EncryptionKey } from '../../domain/token/key-ring.ts';
import type { Environment } from './fields.ts';

/** Keys as `name:base64`, separated by commas or line ends; the first one writes, all of them read. */
export function readKeys(env: Environment, problems: string[]): EncryptionKey[] {
  const text = env.ENCRYPTION_KEYS || readKeyFile(env.ENCRYPTION_KEYS_FILE, problems);
  if (text === undefined) return [];
  const keys: EncryptionKey[] = [];
  for (const [index, part] of text
    .split(/[,\n]/)
    .map((piece) => piece.trim())
    .filter(Boolean)
    .entries()) {
    const [id, base64, ...rest] = part.split(':');
    const bytes = Buffer.from(base64 ?? '', 'base64');
    if (!id || rest.length > 0 || bytes.length !== 32)
      problems.push(`ENCRYPTION_KEYS: key number ${index + 1} must be name:base64 of 32 bytes`);
    else keys.push({ id, bytes });
  }
  if (keys.length === 0 && problems.length === 0) problems.push('ENCRYPTION_KEYS: there is no key in it');
  if (new Set(keys.map((key) => key.id)).size < keys.length)
    problems.push('ENCRYPTION_KEYS: two keys have the same name');
  return keys;
}

function readKeyFile(path: string | undefined, problems: string[]): string | undefined {
  if (!path) {
    problems.push('ENCRYPTION_KEYS or ENCRYPTION_KEYS_FILE is missing; npm run setup makes a key');
    return undefined;
  }
  try {
    return readFileSync(path, 'utf8');
  } catch {
    problems.push(`ENCRYPTION_KEYS_FILE can't be read: ${path}`);
    return undefined;
  }
}
