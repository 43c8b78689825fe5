/** Why a holder can't request an app, in words for them: nothing of tokens, counts or other holders. @module */
import { AlreadyLicensedError, AppNotReleasedError, type DomainError } from '../errors.ts';
import type { Judgment } from '../license/judge.ts';

/** Every reason, with what it means to the holder. */
export const storeRefusals = {
  NO_LICENSES_AVAILABLE: 'No license is free. Ask again later, or ask whoever buys apps.',
  QUOTA_EXCEEDED: 'The devices of a group have as many licenses as they may.',
  NOT_OFFERED: 'The organization can’t give this app now. Ask whoever buys apps.',
  ALREADY_WAITING: 'A license was asked for already and comes as soon as one is free.',
  ALREADY_LICENSED: 'The license is there already.',
  REVOKE_IN_PROGRESS: 'The license is just being taken back.',
  NOT_DEVICE_ASSIGNABLE: 'This can only be given to people, not to devices.',
  OS_TOO_OLD: 'The device’s system is too old for licenses.',
  PLATFORM_NOT_SUPPORTED: 'The app does not run on this device.',
  APP_NOT_RELEASED: 'The app is not released to this holder.',
  USER_NOT_ACTIVE: 'This person can’t be given licenses now.',
  CONFIRMATION_REQUIRED: 'It would be spent for good, so a person has to assign it.',
} as const;

/** One of them. */
export type StoreReason = keyof typeof storeRefusals;

/** A reason in the store. */
export interface StoreRefusal {
  code: StoreReason;
  message: string;
}

export const storeRefusal = (code: StoreReason): StoreRefusal => ({ code, message: storeRefusals[code] });

/** What a refusal of a license is to the holder. Whatever concerns tokens is one thing to them. */
export function refusalOf(error: { code: string }): StoreRefusal {
  return storeRefusal(error.code in storeRefusals ? (error.code as StoreReason) : 'NOT_OFFERED');
}

/** Why the app can't be requested now; null when it can. A license that is there is no reason where the app can still be installed. */
export function whyNot(judgment: Judgment, installable: boolean): StoreRefusal | null {
  if (installable && judgment.error instanceof AlreadyLicensedError) return null;
  if (judgment.error) return refusalOf(judgment.error);
  return judgment.forGood ? storeRefusal('CONFIRMATION_REQUIRED') : null;
}

/** Whether it is a refusal that its own error tells better. */
export const isGate = (error: DomainError | null): error is AppNotReleasedError => error instanceof AppNotReleasedError;
