/** What a token is good for, derived from what is stored and the clock. @module */
import type { Settings } from '../context.ts';
import { TokenExpiredError, TokenNotUsableError } from '../errors.ts';

/** What people see of a token. Only ACTIVE and EXPIRING ones give licenses. */
export const tokenStates = [
  'ACTIVE',
  'EXPIRING',
  'REMOVING',
  'READ_ONLY',
  'EXPIRED',
  'TAKEN_OVER',
  'REVOKED',
  'INVALID',
  'INCOMPLETE',
  'REMOVED',
] as const;

/** One of {@link tokenStates}. */
export type TokenState = (typeof tokenStates)[number];

/** The stored facts that the state follows from. */
export interface TokenFacts {
  email: string | null;
  condition: 'OK' | 'READ_ONLY' | 'TAKEN_OVER' | 'REVOKED' | 'INVALID';
  expiresAt: Date;
  removedAt: Date | null;
  /** The task that gives its licenses back before it is removed. */
  removalTaskId?: bigint | null;
}

const day = 86_400_000;

/** The worst of everything that holds, by a fixed order: what has to be mended first. */
export function tokenState(token: TokenFacts, now: Date, settings: Pick<Settings, 'expiringDays'>): TokenState {
  if (token.removedAt) return 'REMOVED';
  if (token.email === null) return 'INCOMPLETE';
  if (token.condition === 'INVALID' || token.condition === 'REVOKED' || token.condition === 'TAKEN_OVER')
    return token.condition;
  if (token.expiresAt.getTime() <= now.getTime()) return 'EXPIRED';
  if (token.condition === 'READ_ONLY') return 'READ_ONLY';
  if (token.removalTaskId != null) return 'REMOVING';
  return token.expiresAt.getTime() - now.getTime() <= settings.expiringDays * day ? 'EXPIRING' : 'ACTIVE';
}

/** Whether licenses can be given through it. */
export const isUsable = (state: TokenState): boolean => state === 'ACTIVE' || state === 'EXPIRING';

/** Whether Apple can be asked to change something through it. */
export const isWritable = (state: TokenState): boolean => isUsable(state) || state === 'REMOVING';

/** Whether its library can be read. */
export const isReadable = (state: TokenState): boolean => isWritable(state) || state === 'READ_ONLY';

/** Whole days until the expiry, rounded down; negative after it. */
export const daysLeft = (expiresAt: Date, now: Date): number => Math.floor((expiresAt.getTime() - now.getTime()) / day);

const advice: Record<TokenState, string> = {
  ACTIVE: '',
  EXPIRING: '',
  REMOVING: 'Its licenses are being given back, after that it is removed; cancel that task to keep it.',
  READ_ONLY: 'It was made by an account that may only read; upload one of a content manager who may assign.',
  EXPIRED: 'Upload a renewed token file.',
  TAKEN_OVER: 'Another server claimed the library; take it back with claimToken if it is yours.',
  REVOKED: 'Apple revoked it; download a new token file and upload it.',
  INVALID: 'Apple does not accept it; download a new token file and upload it.',
  INCOMPLETE: 'Complete it with updateToken: it lacks the e-mail address for notices.',
  REMOVED: 'Upload it again to use it.',
};

/** The typed refusal for a token in a state that does not allow the work. */
export function tokenRefusal(
  token: { id: bigint; label: string; expiresAt: Date },
  state: TokenState,
): TokenExpiredError | TokenNotUsableError {
  if (state === 'EXPIRED') return new TokenExpiredError(token.id, token.label, token.expiresAt);
  return new TokenNotUsableError(token.id, token.label, state, advice[state]);
}
