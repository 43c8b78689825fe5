/**
 * Apple's error numbers and what each means for us: one table. Texts of Apple's differ between pages and years, so
 * only the number counts (fact sheet §14).
 * @module
 */
import type { AppleFailureKind, Patience } from '../domain/ports.ts';

/**
 * Who does something about an error, and what (docs/apple.md has the whole table):
 * RETRY: Russet waits and does the same again. FIX: Russet does something else, e.g. a smaller call.
 * ASK: a person has to do something; the work waits for it. STOP: it will never work; what was asked for fails by name.
 */
export type AppleRemedy = 'RETRY' | 'FIX' | 'ASK' | 'STOP';

/** What an error number means. */
export interface AppleErrorMeaning {
  kind: AppleFailureKind;
  remedy: AppleRemedy;
  /** A few words in our own language, without a full stop. */
  text: string;
  /** How soon an item of an event that failed with it is sent again; undefined when it is not. */
  again?: Patience | undefined;
}

/** Numbers of version 2 (fact sheet §14.1), then those of version 1 that may leak through (§14.2). */
const table: Record<AppleFailureKind, Record<number, string>> = {
  TOKEN_EXPIRED: { 9621: 'the token is past its date' },
  TOKEN_REVOKED: { 9625: 'Apple revoked the token' },
  TOKEN_INVALID: {
    9601: 'the call carried no token',
    9622: 'Apple does not accept the token',
    9722: 'the token does not fit into an Authorization header',
    9629: 'the token does not belong to this batch',
    9638: 'the manager who made the token belongs to no organization',
  },
  TOKEN_READ_ONLY: {
    9637: 'the account behind the token may not do this',
    9645: 'the library is managed by Apple’s own device management',
    9647: 'the token is of the legacy kind; one of an organizational unit is needed',
    9642: 'the manager who made the token has to accept Apple’s terms first',
  },
  RATE_LIMITED: { 9646: 'too many requests for this organization' },
  UNAVAILABLE: {
    9603: 'internal error at Apple',
    9644: 'Apple’s service is under maintenance',
    9729: 'Apple’s service is unavailable for now',
    9608: 'Apple’s service got an empty answer inside',
    9617: 'Apple’s service has moved',
    9633: 'Apple’s service lost the batch',
    9643: 'a pending transfer locks the licenses',
    9626: 'the license was taken by another user',
  },
  UNKNOWN_OUTCOME: {},
  LIMIT_EXCEEDED: {
    9700: 'too many assets in one request',
    9701: 'too many users in one request',
    9702: 'too many serial numbers in one request',
    9714: 'too many users in one request',
    9816: 'too many subscriptions or users in one request',
  },
  SWEEP_LOST: {
    9650: 'the page does not exist any more',
    9721: 'the version is not known any more',
    9812: 'the cursor is not known any more',
  },
  EVENT_UNKNOWN: { 9708: 'the event is not known any more' },
  REJECTED: {
    9602: 'an argument is invalid',
    9609: 'the user is not registered',
    9623: 'the push notification token is invalid',
    9634: 'the service was removed',
    9635: 'the Apple Account cannot be linked',
    9641: 'the Apple Account is linked to another user',
    9703: 'an asset is named twice',
    9704: 'a user is named twice',
    9705: 'a serial number is named twice',
    9706: 'the asset cannot be taken back',
    9707: 'the asset cannot be given to devices',
    9709: 'not enough licenses',
    9710: 'the notification address and its token belong together',
    9711: 'the notification address or its token is too long',
    9712: 'the notification address is not a valid https address',
    9713: 'the metadata of the claim is too long',
    9715: 'a user is named twice',
    9716: 'an active user with this id exists',
    9717: 'the e-mail address is invalid',
    9718: 'no asset is named',
    9719: 'no device and no user is named',
    9720: 'no user is named',
    9723: 'the claim is incomplete',
    9724: 'the id of the claim is too long',
    9725: 'the name of the claim is too long',
    9726: 'the HTTP method is not allowed',
    9727: 'the content type is not JSON',
    9728: 'Apple could not reach the notification address',
    9811: 'the subscription cannot be assigned like this',
    9813: 'the subscription is not known',
    9814: 'the user is not associated',
    9815: 'the subscription is not assigned',
    9817: 'the subscription is held through a group',
    9818: 'subscriptions exist, so they cannot be disabled',
    9600: 'an argument is missing',
    9604: 'not found',
    9605: 'the storefront is wrong',
    9606: 'Apple could not build the token',
    9607: 'the license cannot be taken back',
    9610: 'the license was not found',
    9611: 'the administrator was not found',
    9612: 'the claim failed',
    9613: 'giving up the claim failed',
    9614: 'a date is invalid',
    9615: 'the country of the organization is invalid',
    9616: 'already assigned',
    9618: 'already retired',
    9619: 'not associated',
    9620: 'already deleted',
    9624: 'the license was refunded',
    9627: 'the license is moved too often',
    9628: 'the license cannot be given to devices',
    9630: 'too many repeated errors',
    9631: 'too many repeated errors',
    9632: 'too many identical requests',
    9636: 'the user was not found',
    9639: 'the facilitator account was not found',
    9640: 'the facilitator account was not found',
    9649: 'a page index is needed',
  },
};

/** What is done about a kind. */
const remedies: Record<AppleFailureKind, AppleRemedy> = {
  TOKEN_EXPIRED: 'ASK',
  TOKEN_REVOKED: 'ASK',
  TOKEN_INVALID: 'ASK',
  TOKEN_READ_ONLY: 'ASK',
  RATE_LIMITED: 'RETRY',
  UNAVAILABLE: 'RETRY',
  UNKNOWN_OUTCOME: 'FIX',
  LIMIT_EXCEEDED: 'FIX',
  SWEEP_LOST: 'FIX',
  EVENT_UNKNOWN: 'FIX',
  REJECTED: 'STOP',
};

/** Refusals of single items about which more can be done than to tell them. */
const ofItems: Record<number, AppleRemedy> = {
  // Apple is where the write wanted it to be: it counts as done.
  9616: 'FIX',
  9619: 'FIX',
  // Somebody has to buy; Apple's numbers are read again at once.
  9709: 'ASK',
};

/** Every number that we know. */
export const appleErrors: ReadonlyMap<number, AppleErrorMeaning> = new Map(
  (Object.keys(table) as AppleFailureKind[]).flatMap((kind) =>
    Object.entries(table[kind]).map(([number, text]): [number, AppleErrorMeaning] => [
      Number(number),
      { kind, text, remedy: ofItems[Number(number)] ?? remedies[kind], again: patienceFor(Number(number), kind) },
    ]),
  ),
);

/**
 * Apple asks to try again at once after an internal error, and in minutes after all else that passes (fact sheet §14.1). A
 * license that somebody else got first (9626) is to be tried again with another one (§14.2): it is Apple that chooses one.
 */
function patienceFor(number: number, kind: AppleFailureKind): Patience | undefined {
  if (number === 9603 || number === 9626) return 'SOON';
  return kind === 'UNAVAILABLE' || kind === 'RATE_LIMITED' ? 'LATER' : undefined;
}

/** What a refusal means: by its number where we know it, else by the HTTP status. */
export function meaningOf(errorNumber: number | undefined, httpStatus: number): AppleErrorMeaning {
  const known = errorNumber === undefined ? undefined : appleErrors.get(errorNumber);
  const kind = kindOfStatus(httpStatus);
  return known ?? { kind, remedy: remedies[kind], text: 'Apple refused the request' };
}

function kindOfStatus(status: number): AppleFailureKind {
  if (status === 401) return 'TOKEN_INVALID';
  if (status === 403) return 'TOKEN_READ_ONLY';
  if (status === 429) return 'RATE_LIMITED';
  // 408 and 425 come from gateways: the request did not get through.
  return status >= 500 || status === 408 || status === 425 ? 'UNAVAILABLE' : 'REJECTED';
}
