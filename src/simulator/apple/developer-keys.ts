/** Keys of the developer program, and whether a developer token was signed with one of them. @module */
import { decodeProtectedHeader, exportPKCS8, exportSPKI, generateKeyPair, importSPKI, jwtVerify } from 'jose';
import type { Random } from '../random.ts';

/** A key as the service knows it: the public half. */
export interface DeveloperKey {
  /** Ten characters; `iss` of a token. */
  teamId: string;
  /** Ten characters; `kid` of a token. */
  keyId: string;
  /** PEM (SPKI). */
  publicKey: string;
}

/** Longest life of a developer token, in seconds. */
const longestSeconds = 15_777_000;
/** How far `iat` may be ahead of our clock, in seconds. */
const skewSeconds = 60;

/** Whether a token is good now: ES256, a known `kid` with its `iss`, `iat` and `exp` in their bounds. */
export async function isDeveloperToken(token: string, keys: readonly DeveloperKey[], now: number): Promise<boolean> {
  try {
    const { kid, alg } = decodeProtectedHeader(token);
    const key = keys.find((one) => one.keyId === kid);
    if (!key || alg !== 'ES256') return false;
    const { payload } = await jwtVerify(token, await importSPKI(key.publicKey, 'ES256'), {
      algorithms: ['ES256'],
      issuer: key.teamId,
      requiredClaims: ['iat', 'exp'],
      currentDate: new Date(now),
    });
    const seconds = now / 1000;
    return payload.iat! <= seconds + skewSeconds && payload.exp! <= seconds + longestSeconds;
  } catch {
    return false;
  }
}

/** Makes a key; its private half is in nobody's hands but the caller's. */
export async function createDeveloperKey(random: Random, wish: Partial<Pick<DeveloperKey, 'teamId' | 'keyId'>>) {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const key: DeveloperKey = {
    teamId: wish.teamId ?? tenCharacters(random),
    keyId: wish.keyId ?? tenCharacters(random),
    publicKey: await exportSPKI(pair.publicKey),
  };
  return { key, privateKey: await exportPKCS8(pair.privateKey) };
}

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

function tenCharacters(random: Random): string {
  return Array.from({ length: 10 }, () => letters[random.integer(letters.length)]).join('');
}
