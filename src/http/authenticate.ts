/** From a credential on the wire to an actor. @module */
import { authenticate } from '../domain/access/authenticate.ts';
import type { KeyActor } from '../domain/actor.ts';
import type { Services } from '../domain/context.ts';

/** The sentence for a missing, unknown, expired or revoked key. It does not say which. */
export const signInNeeded =
  'Sign in with a valid API key: send "Authorization: Bearer rk_…". Nothing was read or changed.';

/** The key of an `Authorization: Bearer …` header. */
export function bearerKey(header: string | undefined): string | null {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? null;
}

/** The key that a WebSocket's `connection_init` carries: `{ apiKey }` or `{ authorization: "Bearer …" }`. */
export function connectionKey(params: Record<string, unknown> | undefined): string | null {
  if (typeof params?.apiKey === 'string') return params.apiKey;
  const header = params?.authorization ?? params?.Authorization;
  return typeof header === 'string' ? bearerKey(header) : null;
}

/** Who the key belongs to; null when it is missing or no longer good. */
export function signIn(services: Services, key: string | null): Promise<KeyActor | null> {
  return key === null ? Promise.resolve(null) : authenticate(services, key);
}
