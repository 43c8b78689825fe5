import { type Actor, type Scope, scopes } from '../actor.ts';
import { ForbiddenError } from '../errors.ts';

/** Whether the actor's role and key allow it. Administrator and Appstore Manager may do everything that their key may (S1, S2). */
export function hasRight(actor: Actor, scope: Scope): boolean {
  if (actor.kind === 'SYSTEM') return true;
  if (actor.role === 'EMPLOYEE') return false;
  return actor.scopes.includes(scope);
}

/** Throws {@link ForbiddenError} unless the actor has the right. The first line of every verb. */
export function requireRight(context: { actor: Actor }, scope: Scope): void {
  if (!hasRight(context.actor, scope)) throw new ForbiddenError(scope);
}

/** Whether a word names a right. */
export function isScope(word: string): word is Scope {
  return (scopes as readonly string[]).includes(word);
}
