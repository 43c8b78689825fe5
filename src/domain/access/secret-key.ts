/** The raw key that a client sends, and the hash that is kept of it. @module */
import { createHash, randomBytes } from 'node:crypto';

/** What every key looks like: `rk_` and 256 random bits. */
const keyShape = /^rk_[A-Za-z0-9_-]{43}$/;

/** Makes a key. It is shown once and never stored. */
export function newSecretKey(): string {
  return `rk_${randomBytes(32).toString('base64url')}`;
}

/** What is stored of a key, or null for a text that can't be one. A plain hash is enough: nobody guesses 256 random bits. */
export function hashSecretKey(key: string): string | null {
  return keyShape.test(key) ? createHash('sha256').update(key).digest('hex') : null;
}
