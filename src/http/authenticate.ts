/** From a credential on the wire to an actor. @module */
import { type GoodKey, lookUpKey } from '../domain/access/authenticate.ts';
import { hashSecretKey } from '../domain/access/secret-key.ts';
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

/** Whether keys may have been revoked: what was read under an equal stamp is as new as what could be read now. */
export interface KeyNews {
  /** Rises whenever a key was revoked anywhere. */
  readonly stamp: number;
  /** News arrive. */
  readonly live: boolean;
}

/** Who a key belongs to; null when it is missing or no longer good. */
export type SignIn = (key: string | null) => Promise<KeyActor | null>;

/** A key that was looked up is known for so many milliseconds: a burst of requests costs one statement. */
const knownFor = 1_000;
/** Most keys that are known. */
const mostKnown = 10_000;

/** Makes the sign-in of a server. Without news of revoked keys every one is looked up each time. */
export function createSignIn(services: Services, news?: KeyNews): SignIn {
  // By their hashes: the keys themselves are kept nowhere.
  const known = new Map<string, GoodKey & { stamp: number; until: number }>();

  const remembered = (hash: string): KeyActor | null => {
    const found = known.get(hash);
    if (!found || !news?.live || found.stamp !== news.stamp || performance.now() >= found.until) return null;
    return found.expiresAt !== null && found.expiresAt <= services.clock.now() ? null : found.actor;
  };

  return async (key) => {
    const hash = key === null ? null : hashSecretKey(key);
    if (key === null || hash === null) return null;
    const actor = remembered(hash);
    if (actor) return actor;
    // The stamp is that of before the look: a key that is revoked meanwhile is looked up again.
    const stamp = news?.stamp ?? 0;
    const good = await lookUpKey(services, key);
    known.delete(hash);
    if (!good) return null;
    if (news) known.set(hash, { ...good, stamp, until: performance.now() + knownFor });
    if (known.size > mostKnown) known.delete(known.keys().next().value!);
    return good.actor;
  };
}
