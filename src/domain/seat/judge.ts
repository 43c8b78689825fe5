/** What became of one seat in a write: pure. @module */
import { maxSends } from '../license/call.ts';
import { alreadySo, type ItemFailure, itemFailure, neverApplied, unnamed } from '../license/item-failure.ts';
import { waitFor } from '../license/wait-for.ts';
import type { WriteFailure, WriteStatus } from '../ports.ts';
import type { CarriedSeat, SeatCall } from './carried.ts';

/** Done now, to leave at the end of the period, to be sent again after `wait` milliseconds, or not done for this reason. */
export type SeatVerdict = 'DONE' | 'DEFERRED' | { wait: number; errorNumber: number } | ItemFailure;

/** A seat of a call, judged. */
export interface JudgedSeat {
  seat: CarriedSeat;
  verdict: SeatVerdict;
}

/** What {@link judgeSeat} needs of a call. */
export type JudgedCall = Pick<SeatCall, 'kind' | 'eventId' | 'errorNumber'>;

/** How Apple's errors of seats are called here. */
const codes: Record<number, string> = {
  9709: 'NO_SEATS_AVAILABLE',
  9811: 'SEAT_SUBSCRIPTION_NOT_ACTIVE',
  9814: 'USER_NOT_ASSOCIATED',
  9815: 'SEAT_NOT_ASSIGNED',
  9817: 'SEAT_HELD_THROUGH_GROUP',
};

/** Apple's number for a seat that only the person's group can lose. */
export const throughGroup = 9817;

/** An item failure from Apple's number and text. */
export function seatFailure(appleErrorNumber: number | null, message: string): ItemFailure {
  const failure = itemFailure(appleErrorNumber, message);
  return { ...failure, code: codes[appleErrorNumber ?? 0] ?? failure.code };
}

/** Whether Apple's word alone tells what became of each seat. Null: it never said anything. */
export const isClear = (status: WriteStatus | null): status is WriteStatus =>
  status !== null &&
  (status.failures.length > 0
    ? status.failures.every(namesOneSide)
    : status.status === 'COMPLETE' && status.completed >= status.requested);

/** Subscriptions and people are listed apart: with several of both, the pairs that failed are not said. */
const namesOneSide = ({ assets, clientUserIds }: WriteFailure): boolean =>
  assets.length + clientUserIds.length > 0 && (assets.length <= 1 || clientUserIds.length <= 1);

/** Judges a seat by a word that is clear: who is not named is done. */
export function judgeByWord(call: JudgedCall, seat: CarriedSeat, failures: readonly WriteFailure[]): SeatVerdict {
  const failure = failures.find((one) => names(one, seat));
  return failure ? verdictOf(call, seat, failure) : doneAs(call, seat);
}

/** Judges a seat by what Apple's list shows of it: whether it renews, undefined where nobody holds it. */
export function judgeByList(
  call: JudgedCall,
  seat: CarriedSeat,
  status: WriteStatus | null,
  held: boolean | undefined,
): SeatVerdict {
  if (call.kind === 'ASSIGN_SEATS' ? held === seat.renewing : held === undefined) return 'DONE';
  const failures = status?.failures ?? [];
  const failure = reasonFor(seat, failures);
  // The list does not show what is to leave at the end of the period; that Apple took the wish is all that it says.
  const taken =
    call.kind === 'REMOVE_SEATS' && seat.removalDeferred && call.eventId !== null && call.errorNumber === null;
  const spared = failures.every((one) => !names(one, seat) && namesSomebody(one)) && status?.status !== 'FAILED';
  if (taken && (status === null || spared)) return 'DEFERRED';
  if (status !== null) return verdictOf(call, seat, failure ?? unnamed);
  // What Apple asked to try later was not taken: it does not wear out.
  return call.errorNumber !== null || seat.sends < maxSends ? atOnce : neverApplied;
}

const atOnce: SeatVerdict = { wait: 0, errorNumber: 0 };

const doneAs = ({ kind }: Pick<JudgedCall, 'kind'>, seat: CarriedSeat): SeatVerdict =>
  kind === 'REMOVE_SEATS' && seat.removalDeferred ? 'DEFERRED' : 'DONE';

const namesSomebody = ({ assets, clientUserIds }: WriteFailure): boolean => assets.length + clientUserIds.length > 0;

/** The group that names the seat; else the one that names its subscription or its holder, else the first. */
function reasonFor(seat: CarriedSeat, failures: readonly WriteFailure[]): WriteFailure | undefined {
  const namesEither = ({ assets, clientUserIds }: WriteFailure) =>
    clientUserIds.includes(seat.clientUserId) || assets.some((asset) => asset.adamId === seat.adamId);
  return failures.find((one) => names(one, seat)) ?? failures.find(namesEither) ?? failures[0];
}

/** Whether a failure names the seat: by its subscription, its holder, or both where it lists both. */
export function names(failure: Pick<WriteFailure, 'assets' | 'clientUserIds'>, seat: CarriedSeat): boolean {
  const { assets, clientUserIds } = failure;
  if (assets.length + clientUserIds.length === 0) return false;
  const bySubscription = assets.length === 0 || assets.some((asset) => asset.adamId === seat.adamId);
  return bySubscription && (clientUserIds.length === 0 || clientUserIds.includes(seat.clientUserId));
}

/** What a failure means for a seat, by the same table as for licenses. */
export function verdictOf({ kind }: Pick<JudgedCall, 'kind'>, seat: CarriedSeat, failure: WriteFailure): SeatVerdict {
  const { appleErrorNumber, message } = failure;
  if (alreadySo(kind, appleErrorNumber)) return 'DONE';
  const wait = waitFor(seat, failure);
  return wait === null ? seatFailure(appleErrorNumber || null, message) : { wait, errorNumber: appleErrorNumber };
}
