import { backoff } from '../../lib/backoff.ts';
import type { Patience, WriteFailure } from '../ports.ts';
import { maxSends } from './call.ts';

/** Sends of an item that fails with an error that passes by itself, before that error is its end. */
const mostSends: Record<Patience, number> = { SOON: maxSends + 4, LATER: 15 };

/** Waits before such an item is sent again. Milliseconds. */
const minutes = { base: 60_000, factor: 2, cap: 600_000 };

/** Milliseconds until the item is sent again; null when it is not. */
export function waitFor({ sends }: { sends: number }, { again }: Pick<WriteFailure, 'again'>): number | null {
  if (!again || sends >= mostSends[again]) return null;
  if (again === 'SOON') return sends < maxSends ? 0 : backoff(sends - maxSends + 1, minutes);
  return backoff(sends, minutes);
}
