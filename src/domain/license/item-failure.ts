/** What Apple's errors of single items mean. @module */
import type { WriteFailure } from '../ports.ts';
import { type LicenseCallKind, maxSends, type SeatCallKind } from './call.ts';

/** Why an item failed at Apple. */
export interface ItemFailure {
  code: string;
  message: string;
  appleErrorNumber: number | null;
}

/** Apple says that it took the write and nothing came of it, again and again. */
export const neverApplied: ItemFailure = {
  code: 'APPLE_DOES_NOT_APPLY',
  message: `Apple took the request ${maxSends} times and did not apply it.`,
  appleErrorNumber: null,
};

/** Apple says that a write failed, and not why. */
export const unnamed: WriteFailure = {
  appleErrorNumber: 0,
  message: 'Apple says that the work failed and does not say where.',
  assets: [],
  serialNumbers: [],
  clientUserIds: [],
};

/** How Apple's errors are called where Russet has a word of its own. */
const codes: Record<number, string> = {
  9706: 'NOT_REVOCABLE',
  9707: 'NOT_DEVICE_ASSIGNABLE',
  9709: 'NO_LICENSES_AVAILABLE',
};

/** The same for items that are about people. */
const userCodes: Record<number, string> = {
  ...codes,
  9609: 'UNKNOWN_USER',
  9635: 'ACCOUNT_NOT_LINKABLE',
  9641: 'ACCOUNT_ALREADY_LINKED',
  9717: 'INVALID_EMAIL',
};

/** An item failure from Apple's number and text. */
export function itemFailure(
  appleErrorNumber: number | null,
  message: string,
  options: { ofUser?: boolean } = {},
): ItemFailure {
  const known = options.ofUser ? userCodes : codes;
  const code = appleErrorNumber === null ? 'APPLE_REFUSED' : (known[appleErrorNumber] ?? `APPLE_${appleErrorNumber}`);
  return { code, message, appleErrorNumber };
}

/** The same from one of Apple's groups. */
export const toItemFailure = (failure: WriteFailure): ItemFailure =>
  itemFailure(failure.appleErrorNumber || null, failure.message, { ofUser: failure.clientUserIds.length > 0 });

/** Errors that say that Apple already is where the write wanted it to be (fact sheet §14). */
const wanted: Record<LicenseCallKind | SeatCallKind, readonly number[]> = {
  ASSOCIATE: [9616],
  DISASSOCIATE: [9619],
  ASSIGN_SEATS: [9616],
  REMOVE_SEATS: [9619, 9815],
};

/** Whether an error says that there was nothing to do. */
export const alreadySo = (kind: LicenseCallKind | SeatCallKind, appleErrorNumber: number): boolean =>
  wanted[kind].includes(appleErrorNumber);
