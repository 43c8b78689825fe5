/** A write to Apple as it is written down. @module */
import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { isLive } from '../notification/address.ts';
import { ClaimLostError } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';

/** A license that Apple did not take after this many sends fails. */
export const maxSends = 5;

/** Giving licenses or taking them back. */
export type LicenseCallKind = 'ASSOCIATE' | 'DISASSOCIATE';
/** Writes of people. */
export type UserCallKind = 'CREATE_USERS' | 'UPDATE_USERS' | 'RETIRE_USERS';
/** Giving seats of subscriptions or taking them back. */
export type SeatCallKind = 'ASSIGN_SEATS' | 'REMOVE_SEATS';
/** Every kind of write to Apple. All kinds are written down, polled and compared in the same way, one writer a token. */
export type CallKind = LicenseCallKind | UserCallKind | SeatCallKind;

/** A call, or work for one, that is about licenses. */
export type OfLicenses<Call extends { kind: CallKind }> = Call & { kind: LicenseCallKind };
/** A call, or work for one, that is about people. */
export type OfUsers<Call extends { kind: CallKind }> = Call & { kind: UserCallKind };

/** A call, or work for one, that is about seats of subscriptions. */
export type OfSeats<Call extends { kind: CallKind }> = Call & { kind: SeatCallKind };

/** Whether it is about people. */
export function isOfUsers<Call extends { kind: CallKind }>(call: Call): call is OfUsers<Call> {
  return call.kind.endsWith('_USERS');
}

/** Whether it is about seats of subscriptions. */
export function isOfSeats<Call extends { kind: CallKind }>(call: Call): call is OfSeats<Call> {
  return call.kind.endsWith('_SEATS');
}

/** A call that could not be sent within this many milliseconds of being written down is not sent: the worker was frozen. */
const sendWithin = 10_000;

/** Throws {@link ClaimLostError} when it is too late to send a call: a successor may be looking what became of it. */
export function requireTimely(context: Context, call: { callId: bigint; sentAt: Date }): void {
  // Half of the time after which a successor looks: until then Apple must have it, or never get it.
  const patience = Math.min(sendWithin, context.settings.unknownOutcomeWait / 2);
  const late = context.clock.now().getTime() - call.sentAt.getTime() > patience;
  if (late) throw new ClaimLostError(`call ${call.callId}`);
}

/** How Apple took a call. */
export interface Acceptance {
  callId: bigint;
  eventId: string;
  /** UNKNOWN when it was learned elsewhere than from the answer. */
  from?: 'SENT' | 'UNKNOWN';
  /** Notifications settle most of it: while they come it is asked about late. */
  told?: boolean;
}

/** Apple took the call: it is asked about from now on. Under the lock of the token's gate. */
export async function acceptCall(
  context: Context,
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  { callId, eventId, from = 'SENT', told = false }: Acceptance,
): Promise<void> {
  const now = context.clock.now();
  const after = (milliseconds: number) => moment(new Date(now.getTime() + milliseconds));
  const { firstPollAfter, firstPollWhenLive, pendingLimit } = context.settings;
  const live = sql`EXISTS (SELECT 1 FROM token_webhook w WHERE w.organization_id = ${organizationId} AND w.token_id = ${tokenId} AND ${isLive(context.settings)})`;
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'ACCEPTED', event_id = ${eventId}, deadline_at = ${after(pendingLimit)},
      next_poll_at = CASE WHEN ${told} AND ${live} THEN ${after(firstPollWhenLive)} ELSE ${after(firstPollAfter)} END
    WHERE organization_id = ${organizationId} AND id = ${callId} AND state = ${from}::"AppleCallState"`);
}

/** A call that is not settled. */
export interface OpenCall {
  id: bigint;
  taskId: bigint;
  kind: CallKind;
  state: 'SENT' | 'ACCEPTED' | 'UNKNOWN';
  assets: number;
  eventId: string | null;
  sentAt: Date;
  deadlineAt: Date | null;
  /** Why what is left of it waits: Apple asked to try later. */
  errorNumber: number | null;
}

/** The open call in one of the states that has been due longest. */
export async function dueCall(
  context: Context,
  token: TokenKey,
  state: 'ACCEPTED' | 'UNKNOWN',
): Promise<OpenCall | null> {
  const rows = await context.prisma.$queryRaw<OpenCall[]>(sql`
    SELECT id, task_id AS "taskId", kind::text AS kind, state::text AS state, assets, event_id AS "eventId",
           sent_at AS "sentAt", deadline_at AS "deadlineAt", error_number AS "errorNumber"
    FROM apple_call WHERE organization_id = ${token.organizationId} AND token_id = ${token.tokenId}
      AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN') AND state = ${state}::"AppleCallState"
      AND next_poll_at <= ${moment(context.clock.now())}
    ORDER BY next_poll_at, id LIMIT 1`);
  return rows[0] ?? null;
}

/** One license that a call carries. */
export interface Carried {
  id: bigint;
  poolId: bigint;
  adamId: string;
  pricingParam: string;
  serialNumber: string | null;
  clientUserId: string | null;
  appId: bigint;
  deviceId: bigint | null;
  revokeTaskId: bigint | null;
  sends: number;
}

/** The licenses that an open call carries and that still wait for it. */
export function carriedBy(db: Tx, organizationId: bigint, callId: bigint): Promise<Carried[]> {
  return db.$queryRaw<Carried[]>(sql`
    SELECT id, pool_id AS "poolId", adam_id AS "adamId", pricing_param AS "pricingParam", serial_number AS "serialNumber",
           client_user_id AS "clientUserId", app_id AS "appId", device_id AS "deviceId", revoke_task_id AS "revokeTaskId", sends::int AS sends
    FROM license WHERE organization_id = ${organizationId} AND call_id = ${callId}
      AND state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')
    ORDER BY id`);
}

/** What identifies an item at Apple: asset and holder. */
export function itemKey(item: {
  adamId: string;
  pricingParam: string;
  serialNumber: string | null;
  clientUserId: string | null;
}): string {
  return `${item.adamId}|${item.pricingParam}|${item.serialNumber ?? ''}|${item.clientUserId ?? ''}`;
}

/** Writes down a call before it is sent. Gives its id. */
export async function noteCall(
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  { taskId, kind }: { taskId: bigint; kind: CallKind },
  size: { items: number; assets: number },
  now: Date,
): Promise<bigint> {
  const [call] = await tx.$queryRaw<{ id: bigint }[]>(sql`
    INSERT INTO apple_call (organization_id, token_id, task_id, kind, state, items, assets, sent_at)
    VALUES (${organizationId}, ${tokenId}, ${taskId}, ${kind}::"AppleCallKind", 'SENT', ${size.items}, ${size.assets}, ${moment(now)})
    RETURNING id`);
  return call!.id;
}

/** Ends a call. */
export async function closeCall(
  tx: Tx,
  organizationId: bigint,
  callId: bigint,
  state: 'SETTLED' | 'REJECTED',
  now: Date,
  errorNumber?: number,
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = ${state}::"AppleCallState", settled_at = ${moment(now)}, next_poll_at = NULL, error_number = ${errorNumber ?? null}
    WHERE organization_id = ${organizationId} AND id = ${callId}`);
}

/** What is left of a call that Apple did not do for now: at `at` it is compared, and what is missing is sent again. */
export async function putOffRest(
  tx: Tx,
  organizationId: bigint,
  callId: bigint,
  later: { at: Date; errorNumber: number },
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'UNKNOWN', next_poll_at = ${moment(later.at)}, error_number = ${later.errorNumber}, reported = 0
    WHERE organization_id = ${organizationId} AND id = ${callId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`);
}

/** Nobody knows what became of a call: after a while it is compared with what Apple has. */
export function doubtCall(context: Context, tx: Tx, organizationId: bigint, callId: bigint): Promise<void> {
  const at = new Date(context.clock.now().getTime() + context.settings.unknownOutcomeWait);
  return putOffCall(tx, organizationId, callId, 'UNKNOWN', at);
}

/** Asks again about a call at `at`, in the given state. */
export async function putOffCall(
  tx: Tx,
  organizationId: bigint,
  callId: bigint,
  state: 'ACCEPTED' | 'UNKNOWN',
  at: Date,
): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = ${state}::"AppleCallState", next_poll_at = ${moment(at)}
    WHERE organization_id = ${organizationId} AND id = ${callId} AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN')`);
}
