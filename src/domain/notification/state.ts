/** Whether Apple's notifications reach a token, as people see it. @module */
import type { Settings } from '../context.ts';
import { type TokenFacts, tokenState } from '../token/state.ts';
import { webhookUrl } from './address.ts';

/** Why a token's writes are polled instead. */
export type PollingReason = 'NO_PUBLIC_URL' | 'NOT_REGISTERED' | 'UNREACHABLE' | 'REFUSED' | 'TOKEN_NOT_USABLE';

/** Why a registration failed. */
export interface RegistrationProblem {
  code: 'UNREACHABLE' | 'REFUSED' | 'APPLE_UNAVAILABLE';
  message: string;
  appleErrorNumber: number | null;
}

/** An event that nobody here caused: somebody else manages the library too. */
export interface SecondManager {
  /** ISO time. */
  at: string;
  eventId: string;
  action: 'ASSOCIATE' | 'DISASSOCIATE' | 'REVOKE';
  items: number;
}

/** What is stored of a token's webhook; all null for a token that has none. */
export interface WebhookFacts {
  webhookId: string | null;
  registeredUrl: string | null;
  registeredAt: Date | null;
  problem: RegistrationProblem | null;
  lastReceivedAt: Date | null;
}

/** What people see. */
export interface NotificationsState {
  state: 'LIVE' | 'POLLING';
  reason: PollingReason | null;
  /** What to do about it, or what Apple said. */
  message: string | null;
  registeredAt: Date | null;
  lastReceivedAt: Date | null;
}

const unusable = ['EXPIRED', 'TAKEN_OVER', 'REVOKED', 'INVALID', 'REMOVED'];

/** Follows from what is stored, the settings and the clock. */
export function notificationsState(
  token: WebhookFacts & TokenFacts,
  now: Date,
  settings: Pick<Settings, 'publicUrl' | 'expiringDays'>,
): NotificationsState {
  const { registeredAt, lastReceivedAt, problem } = token;
  const polling = (reason: PollingReason, message: string): NotificationsState => {
    return { state: 'POLLING', reason, message, registeredAt: null, lastReceivedAt };
  };
  const { publicUrl } = settings;
  if (publicUrl === null) {
    return polling('NO_PUBLIC_URL', 'The installation has no public address (PUBLIC_URL) that Apple could post to.');
  }
  const state = tokenState(token, now, settings);
  if (unusable.includes(state)) return polling('TOKEN_NOT_USABLE', `The token is ${state}.`);
  if (token.webhookId !== null && token.registeredUrl === webhookUrl(publicUrl, token.webhookId))
    return { state: 'LIVE', reason: null, message: null, registeredAt, lastReceivedAt };
  if (problem === null || problem.code === 'APPLE_UNAVAILABLE')
    return polling('NOT_REGISTERED', problem?.message ?? 'Apple has not been told the address yet.');
  return polling(problem.code, problem.message);
}
