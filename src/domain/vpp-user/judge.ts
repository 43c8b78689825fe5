/** What became of one person in a write: pure. @module */
import type { OpenCall, UserCallKind } from '../license/call.ts';
import { maxSends } from '../license/call.ts';
import { type ItemFailure, itemFailure, neverApplied } from '../license/item-failure.ts';
import { waitFor } from '../license/wait-for.ts';
import type { WriteFailure, WriteStatus } from '../ports.ts';
import { isActive } from './records.ts';
import type { CarriedUser } from './writes.ts';

/** Done, to be sent again after `wait` milliseconds, or not done for this reason. */
export type UserVerdict = 'DONE' | { wait: number; errorNumber: number } | ItemFailure;

/** Errors that say that Apple already is where the write wanted it to be (fact sheet §14). */
const alreadySo: Record<UserCallKind, readonly number[]> = {
  CREATE_USERS: [9716],
  UPDATE_USERS: [],
  RETIRE_USERS: [9618, 9620],
};

/** The user is not registered, in the words of both versions. Where it is to be retired, that is the end wanted. */
const unknown: readonly number[] = [9609, 9636];

/** Judges by what Apple said of the write (null: it never said), and by the person as they were read after it. */
export function judgeUser(
  kind: UserCallKind,
  user: CarriedUser,
  status: Pick<WriteStatus, 'status' | 'failures'> | null,
  options: { putOff?: boolean } = {},
): UserVerdict {
  // What Apple asked to try later was not taken: it does not wear out.
  if (status === null && options.putOff) return isSo(kind, user) ? 'DONE' : atOnce;
  if (status === null) return isSo(kind, user) ? 'DONE' : again(user, neverApplied);
  const named = status.failures.find((failure) => failure.clientUserIds.includes(user.clientUserId));
  if (named) return judgeFailure(kind, user, named);
  const unnamed = status.failures.find((failure) => failure.clientUserIds.length === 0);
  if (!unnamed && (status.status === 'COMPLETE' || status.failures.length > 0)) return 'DONE';
  if (isSo(kind, user)) return 'DONE';
  return unnamed ? judgeFailure(kind, user, unnamed) : again(user, neverApplied);
}

function judgeFailure(kind: UserCallKind, user: CarriedUser, said: WriteFailure): UserVerdict {
  const { appleErrorNumber, message } = said;
  if (alreadySo[kind].includes(appleErrorNumber)) return 'DONE';
  if (kind === 'RETIRE_USERS' && unknown.includes(appleErrorNumber) && !isActive(user.status)) return 'DONE';
  const failure = itemFailure(appleErrorNumber || null, message, { ofUser: true });
  const wait = waitFor(user, said);
  return wait === null ? failure : { wait, errorNumber: appleErrorNumber };
}

const atOnce: UserVerdict = { wait: 0, errorNumber: 0 };
const again = (user: CarriedUser, failure: ItemFailure): UserVerdict => (user.sends < maxSends ? atOnce : failure);

/** Whether the library shows what the write wanted. */
function isSo(kind: UserCallKind, user: CarriedUser): boolean {
  const active = isActive(user.status);
  if (kind === 'CREATE_USERS') return active;
  if (kind === 'RETIRE_USERS') return !active;
  // To which account somebody is linked is in no list: only Apple's word for the write proves it.
  return user.managedAppleId === null && (user.email === null || user.email === user.knownEmail);
}

/** What {@link judgeUser} needs of a call. */
export type UserCall = OpenCall & { kind: UserCallKind };
