/**
 * Whoever may write sees what was written: the payload of a mutation grants the sight of its objects, also to a key
 * that may not read their kind. Without it the write would be done and its answer refused.
 * @module
 */
import type { Scope } from '../domain/actor.ts';

const written = 'written';

/** Rights of a type: its own, or the grant of a payload. */
export function readableBy(right: Scope) {
  return { right, $granted: written };
}

/** What the field of a payload grants. */
export const grantScopes: string[] = [written];
