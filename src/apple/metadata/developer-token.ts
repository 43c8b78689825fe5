/** The developer token of Apps and Books for Organizations: a JWT signed with ES256 (fact sheet §16A). @module */
import { importPKCS8, SignJWT } from 'jose';
import type { Clock } from '../../lib/clock.ts';

/** A key of the Apple Developer Program that has the Apps and Books service. */
export interface DeveloperKey {
  /** Ten characters; the JWT's `iss`. */
  teamId: string;
  /** Ten characters; the JWT's `kid`. */
  keyId: string;
  /** The key as PKCS #8 in PEM, as Apple's `.p8` file has it. */
  privateKey: string;
}

/** Seconds for which a token is made. Apple allows six months; a short one is worth little to a thief. */
export const developerTokenSeconds = 1_200;

/** Hands out developer tokens. */
export interface DeveloperTokens {
  /** One that is good for a minute at least. */
  current(): Promise<string>;
  /** Forgets the one that was handed out last, because Apple refused it. */
  discard(): void;
}

/** Makes a token when it is wanted and keeps it until a minute before its end. */
export function createDeveloperTokens(key: DeveloperKey, clock: Clock): DeveloperTokens {
  let kept: { token: string; until: number } | undefined;
  return {
    async current() {
      const now = Math.floor(clock.now().getTime() / 1000);
      if (!kept || kept.until - 60 <= now) {
        kept = { token: await sign(key, now), until: now + developerTokenSeconds };
      }
      return kept.token;
    },
    discard: () => {
      kept = undefined;
    },
  };
}

async function sign({ teamId, keyId, privateKey }: DeveloperKey, now: number): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: keyId })
    .setIssuer(teamId)
    .setIssuedAt(now)
    .setExpirationTime(now + developerTokenSeconds)
    .sign(await importPKCS8(privateKey, 'ES256'));
}
