/** Content tokens: the text a file holds, and what the service makes of a bearer. @module */
import type { Random } from '../random.ts';
import { appleDate } from './dates.ts';

/** A content token as the portal issued it. */
export interface ContentToken {
  name: string;
  uId: string;
  orgName: string;
  /** The opaque inner `token`. */
  inner: string;
  /** When it expires, in milliseconds since 1970. */
  expiresAt: number;
  revoked: boolean;
  readOnly: boolean;
  /** Of the time before organizational units; v2 does not take it. */
  legacy?: true;
  /** The whole text of the `.vpptoken` file. */
  text: string;
}

/** What a token is worth now. */
export type TokenState = 'valid' | 'expired' | 'revoked' | 'readOnly';

const dayMs = 24 * 60 * 60 * 1000;

/** What {@link mintToken} needs to know. */
export interface TokenRequest {
  name: string;
  uId: string;
  orgName: string;
  expiresAt: number;
  revoked?: boolean;
  readOnly?: boolean;
  legacy?: boolean;
}

/** Writes a new token file. */
export function mintToken(request: TokenRequest, random: Random): ContentToken {
  const expiresAt = Math.floor(request.expiresAt / 1000) * 1000;
  const inner = random.bytes(48).toString('base64');
  const content = JSON.stringify({ token: inner, expDate: appleDate(expiresAt), orgName: request.orgName });
  return {
    name: request.name,
    uId: request.uId,
    orgName: request.orgName,
    inner,
    expiresAt,
    revoked: request.revoked ?? false,
    readOnly: request.readOnly ?? false,
    ...(request.legacy ? { legacy: true as const } : {}),
    text: Buffer.from(content).toString('base64'),
  };
}

/** The moment `days` after `now`. */
export function daysAfter(now: number, days: number): number {
  return now + days * dayMs;
}

/** What the token is worth at `now`; expiry outranks the rest. */
export function tokenState(token: ContentToken, now: number): TokenState {
  if (now >= token.expiresAt) return 'expired';
  if (token.revoked) return 'revoked';
  return token.readOnly ? 'readOnly' : 'valid';
}

/** The token that a bearer stands for, found by the file's inner `token`. */
export function findToken(
  tokens: readonly ContentToken[],
  bearer: string,
  match: 'decoded' | 'exact',
): ContentToken | undefined {
  if (match === 'exact') return tokens.find((token) => token.text === bearer);
  const inner = innerTokenOf(bearer);
  return inner === undefined ? undefined : tokens.find((token) => token.inner === inner);
}

function innerTokenOf(bearer: string): string | undefined {
  try {
    const content: unknown = JSON.parse(Buffer.from(bearer, 'base64').toString('utf8'));
    if (typeof content !== 'object' || content === null || !('token' in content)) return undefined;
    return typeof content.token === 'string' ? content.token : undefined;
  } catch {
    return undefined;
  }
}
