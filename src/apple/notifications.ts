/** What Apple posts to a webhook, in our words (fact sheet §13). Tolerant: whatever is not understood is said to be so. @module */
import { z } from 'zod';
import type { AppleNews, NotificationHead } from '../domain/ports.ts';
import { assignmentRows } from './assets.ts';
import { userRows } from './users.ts';
import { id, optional } from './wire.ts';
import { appleError } from './write-failure.ts';

const head = z.object({ notificationId: optional(id), notificationType: optional(z.string()), uId: optional(id) });

/** Longest id and type that are taken over, in characters; the whole body is compared as well. */
const longest = 200;

/** Codes open invitations for anybody: what is stored of a notification holds none. People are read again for theirs. */
const withoutCodes = (body: string) => body.replace(/("inviteCode"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1null');

/** Id and kind of a notification, and what may be stored of it; null for anything that is no JSON object. */
export function notificationHead(body: string): NotificationHead | null {
  const read = head.safeParse(parse(body));
  if (!read.success) return null;
  const { notificationId, notificationType } = read.data;
  return {
    id: plain(notificationId ?? ''),
    type: plain(notificationType ?? 'UNKNOWN'),
    body: withoutCodes(body),
  };
}

const result = z.enum(['SUCCESS', 'FAILURE']);
const failureOf = (told: z.output<typeof result>, error: z.output<typeof appleError> | null) =>
  told === 'SUCCESS' ? null : (error ?? appleError.parse({}));

const seats = z.object({ adamId: id }).transform(({ adamId }): AppleNews => ({ kind: 'SEATS', adamId }));

const write = z
  .object({
    eventId: id,
    type: z.enum(['ASSOCIATE', 'DISASSOCIATE', 'REVOKE']),
    result,
    assignments: assignmentRows,
    error: optional(appleError),
  })
  .transform(
    (told): AppleNews => ({
      kind: 'WRITE',
      eventId: told.eventId,
      action: told.type,
      failure: failureOf(told.result, told.error),
      items: told.assignments,
    }),
  );

const users = z
  .object({ result, users: userRows, error: optional(appleError) })
  .transform((told): AppleNews => ({ kind: 'USERS', failure: failureOf(told.result, told.error), users: told.users }));

const associated = z
  .object({ associatedUsers: userRows })
  .transform((told): AppleNews => ({ kind: 'USERS', failure: null, users: told.associatedUsers }));

/** What is named is read, so nothing else of it counts. */
const seatNews = z
  .object({ eventId: optional(id) })
  .transform(({ eventId }): AppleNews => ({ kind: 'SEAT_NEWS', eventId }));

const kinds: Record<string, z.ZodType<AppleNews>> = {
  ASSET_COUNT: seats,
  ASSET_MANAGEMENT: write,
  USER_MANAGEMENT: users,
  USER_ASSOCIATED: associated,
  SUBSCRIPTION_COUNT: seatNews,
  SUBSCRIPTION_MANAGEMENT: seatNews,
  TEST_NOTIFICATION: z.unknown().transform((): AppleNews => ({ kind: 'TEST' })),
};

/** What a notification says. */
export function notificationNews(body: string): { uId: string | null; news: AppleNews } {
  const read = head.extend({ notification: z.unknown() }).safeParse(parse(plain(body, body.length)));
  if (!read.success) return { uId: null, news: { kind: 'UNREADABLE', reason: 'it is no JSON object' } };
  const { uId, notificationType, notification } = read.data;
  const kind = Object.hasOwn(kinds, notificationType ?? '') ? kinds[notificationType!]! : null;
  if (!kind) return { uId, news: { kind: 'OTHER' } };
  const told = kind.safeParse(notification);
  return { uId, news: told.success ? told.data : { kind: 'UNREADABLE', reason: reasonOf(told.error) } };
}

/** Where it differs from what was expected; no values. */
function reasonOf(error: z.ZodError): string {
  return [...new Set(error.issues.map((issue) => issue.path.join('.') || 'notification'))].slice(0, 5).join(', ');
}

/** Without the one character that the database takes in no text. */
function plain(text: string, length = longest): string {
  return text.replaceAll('\0', '').replaceAll('\\u0000', '').slice(0, length);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
