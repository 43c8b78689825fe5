import { createHmac } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

/** Seals, opens and recognizes secrets. */
export interface SecretBox extends Pick<KeyRing, 'seal' | 'open'> {
  /** A keyed hash: equal texts give equal marks, and nothing can be learned from one. It outlives every encryption key. */
  mark(text: string): string;
}

/** A secret box over the keys. `installationSecret` is what `openInstallation` gave; it keys the marks. */
export function createSecretBox(ring: KeyRing, installationSecret: Uint8Array): SecretBox {
  return {
    seal: ring.seal,
    open: ring.open,
    mark: (text) => createHmac('sha256', installationSecret).update(text).digest('hex'),
  };
}
