/**
 * Apple's endpoints for subscriptions that people hold seats of (fact sheet §12). Their ids are whole numbers here and
 * texts everywhere else: a number that JavaScript can't hold exactly is refused in both directions, never rounded.
 * @see https://developer.apple.com/documentation/devicemanagement/managing-subscriptions
 * @module
 */
import { z } from 'zod';
import {
  type AcceptedWrite,
  AppleFailure,
  type CursorPage,
  type CursorQuery,
  type SeatHolding,
  type SeatManagement,
  type SeatSubscriptionNumbers,
  type SeatWrite,
} from '../domain/ports.ts';
import { eventAnswer } from './client.ts';
import { withQuery } from './pages.ts';
import { call, type Session } from './session.ts';
import { envelopeFields, id, list, optional, toEnvelope, wholeNumber } from './wire.ts';

const pageFields = { ...envelopeFields, nextCursor: optional(z.string().min(1)), versionId: optional(id) };

/** As it stands in JSON; judged by {@link adamIdText}. */
const wireAdamId = z.union([z.number(), z.string()]);

const count = wholeNumber.pipe(z.int().min(0));
const numbers = z.object({ renewing: count, expiring: count });

const wireSubscription = z.object({
  parentAdamId: optional(wireAdamId),
  adamId: wireAdamId,
  // A status that is not known here is one in which nothing is assigned.
  status: optional(z.enum(['ACTIVE', 'INACTIVE', 'PAUSED'])),
  periodEndDate: optional(z.string().regex(/^\d{4}-\d{2}-\d{2}/)),
  counts: z.object({ assigned: numbers, available: numbers, total: numbers }),
});

const subscriptionsAnswer = z.object({ ...pageFields, subscriptions: list(wireSubscription) });

/** Get Subscriptions. */
export async function getSubscriptions(
  session: Session,
  query: CursorQuery,
): Promise<CursorPage<SeatSubscriptionNumbers>> {
  const operation = 'Get Subscriptions';
  const answer = await read(session, operation, 'subscriptions', query, subscriptionsAnswer);
  const rows = answer.subscriptions.map((row): SeatSubscriptionNumbers => {
    const adamId = adamIdText(operation, row.adamId);
    return {
      adamId,
      parentAdamId: row.parentAdamId === null ? adamId : adamIdText(operation, row.parentAdamId),
      status: row.status ?? 'INACTIVE',
      periodEndsOn: row.periodEndDate?.slice(0, 10) ?? null,
      ...row.counts,
    };
  });
  return toCursorPage(operation, query, answer, rows);
}

const wireSeat = z.object({ adamId: wireAdamId, clientUserId: id, renewing: z.boolean() });
const assignmentsAnswer = z.object({ ...pageFields, assignments: list(wireSeat) });

/** Get Subscription Assignments. */
export async function getSubscriptionAssignments(
  session: Session,
  query: CursorQuery,
): Promise<CursorPage<SeatHolding>> {
  const operation = 'Get Subscription Assignments';
  const answer = await read(session, operation, 'subscriptions/assignments', query, assignmentsAnswer);
  const rows = answer.assignments.map((row) => ({ ...row, adamId: adamIdText(operation, row.adamId) }));
  return toCursorPage(operation, query, answer, rows);
}

function read<Answer>(
  session: Session,
  operation: string,
  path: string,
  { cursor, adamId, clientUserId }: CursorQuery,
  answer: z.ZodType<Answer>,
): Promise<Answer> {
  const url = withQuery(new URL(path, session.root), { cursor, adamId, clientUserId });
  return call(session, { operation, method: 'GET', url, answer, timeout: session.timeouts.list });
}

function toCursorPage<Row>(
  operation: string,
  query: CursorQuery,
  answer: z.output<z.ZodObject<typeof pageFields>>,
  rows: Row[],
): CursorPage<Row> {
  const { nextCursor, versionId } = answer;
  if (nextCursor !== null && nextCursor === query.cursor) {
    throw new AppleFailure('SWEEP_LOST', `"${operation}" leads back to the page that was asked for`);
  }
  return { ...toEnvelope(answer), rows, nextCursor, versionId };
}

const switchAnswer = z.object({ ...envelopeFields, subscriptionManagement: optional(z.boolean()) });

/** Enable Subscriptions and Disable Subscriptions. */
export async function switchSubscriptions(session: Session, enabled: boolean): Promise<SeatManagement> {
  const answer = await call(session, {
    operation: enabled ? 'Enable Subscriptions' : 'Disable Subscriptions',
    method: 'POST',
    url: new URL(enabled ? 'subscriptions/enable' : 'subscriptions/disable', session.root),
    body: {},
    answer: switchAnswer,
    timeout: session.timeouts.config,
  });
  return { ...toEnvelope(answer), enabled: answer.subscriptionManagement ?? enabled };
}

/** Associate Subscriptions. */
export function associateSubscriptions(session: Session, write: SeatWrite, renewing: boolean): Promise<AcceptedWrite> {
  return manage(session, 'Associate Subscriptions', 'subscriptions/associate', write, { renewing });
}

/** Disassociate Subscriptions. */
export function disassociateSubscriptions(
  session: Session,
  write: SeatWrite,
  deferred: boolean,
): Promise<AcceptedWrite> {
  return manage(session, 'Disassociate Subscriptions', 'subscriptions/disassociate', write, { deferred });
}

async function manage(
  session: Session,
  operation: string,
  path: string,
  { adamIds, clientUserIds }: SeatWrite,
  how: { renewing: boolean } | { deferred: boolean },
): Promise<AcceptedWrite> {
  return call(session, {
    operation,
    method: 'POST',
    url: new URL(path, session.root),
    body: { adamIds: adamIds.map((adamId) => adamIdNumber(operation, adamId)), clientUserIds, ...how },
    answer: eventAnswer,
    timeout: session.timeouts.write,
  });
}

/** The text of an id that came as a number. One above 2^53 was rounded before anybody could look at it. */
function adamIdText(operation: string, value: number | string): string {
  if (typeof value === 'string' ? /^\d+$/.test(value) : Number.isSafeInteger(value) && value >= 0) return String(value);
  throw new AppleFailure('REJECTED', `"${operation}" names an adamId that cannot be read exactly: it is above 2^53`);
}

/** The number for an id, which is exactly it. */
function adamIdNumber(operation: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && String(number) === text) return number;
  throw new AppleFailure('REJECTED', `"${operation}" was not sent: the adamId ${text} cannot be written as a number`);
}
