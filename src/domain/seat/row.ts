/** Seat subscriptions, seats and forecasts as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';
import type { LicenseSource, SeatState, SeatSubscriptionStatus } from '../../generated/prisma/enums.ts';

/** One subscription with its numbers. */
export interface SeatSubscriptionRow {
  id: bigint;
  tokenId: bigint;
  adamId: string;
  parentAdamId: string;
  status: SeatSubscriptionStatus;
  /** YYYY-MM-DD. */
  periodEndsOn: string | null;
  totalRenewing: bigint;
  totalExpiring: bigint;
  heldRenewing: bigint;
  heldExpiring: bigint;
  reservedRenewing: bigint;
  reservedExpiring: bigint;
  appleAssignedRenewing: bigint;
  appleAssignedExpiring: bigint;
  asOf: Date;
  goneAt: Date | null;
}

/** Reads table `s`. */
export const seatSubscriptionShape = shape<SeatSubscriptionRow>({
  fields: {
    id: 's.id',
    tokenId: 's.token_id',
    adamId: 's.adam_id',
    parentAdamId: 's.parent_adam_id',
    status: 's.status',
    periodEndsOn: "to_char(s.period_ends_on, 'YYYY-MM-DD')",
    totalRenewing: 's.total_renewing',
    totalExpiring: 's.total_expiring',
    heldRenewing: 's.held_renewing',
    heldExpiring: 's.held_expiring',
    reservedRenewing: 's.reserved_renewing',
    reservedExpiring: 's.reserved_expiring',
    appleAssignedRenewing: 's.apple_assigned_renewing',
    appleAssignedExpiring: 's.apple_assigned_expiring',
    asOf: 's.as_of',
    goneAt: 's.gone_at',
  },
  bigints: [
    'id',
    'tokenId',
    'totalRenewing',
    'totalExpiring',
    'heldRenewing',
    'heldExpiring',
    'reservedRenewing',
    'reservedExpiring',
    'appleAssignedRenewing',
    'appleAssignedExpiring',
  ],
  moments: ['asOf', 'goneAt'],
});

/** One holding period of one seat. */
export interface SeatRow {
  id: bigint;
  subscriptionId: bigint;
  vppUserId: bigint;
  clientUserId: string;
  renewing: boolean;
  state: SeatState;
  source: LicenseSource;
  throughGroup: boolean;
  /** YYYY-MM-DD. */
  removalOn: string | null;
  startedAt: Date;
  opening: boolean;
  changedAt: Date;
  endedAt: Date | null;
  endReason: string | null;
  taskId: bigint | null;
  removalTaskId: bigint | null;
}

/** Reads table `l`. */
export const seatShape = shape<SeatRow>({
  fields: {
    id: 'l.id',
    subscriptionId: 'l.subscription_id',
    vppUserId: 'l.vpp_user_id',
    clientUserId: 'l.client_user_id',
    renewing: 'l.renewing',
    state: 'l.state',
    source: 'l.source',
    throughGroup: 'l.through_group',
    removalOn: "to_char(l.removal_on, 'YYYY-MM-DD')",
    startedAt: 'l.started_at',
    opening: 'l.opening',
    changedAt: 'l.changed_at',
    endedAt: 'l.ended_at',
    endReason: 'l.end_reason',
    taskId: 'l.task_id',
    removalTaskId: 'l.removal_task_id',
  },
  bigints: ['id', 'subscriptionId', 'vppUserId', 'taskId', 'removalTaskId'],
  moments: ['startedAt', 'changedAt', 'endedAt'],
});

/** The subscriptions with these ids, in no order. */
export function readSeatSubscriptions(
  reader: Rows,
  organizationId: bigint,
  subscriptionIds: readonly bigint[],
): Promise<SeatSubscriptionRow[]> {
  return reader.rows(sql`
    SELECT ${seatSubscriptionShape.columns} FROM seat_subscription s
    WHERE s.organization_id = ${organizationId} AND s.id = ANY (${ids(subscriptionIds)})`);
}

/** The seats with these ids, in no order. */
export function readSeats(reader: Rows, organizationId: bigint, seatIds: readonly bigint[]): Promise<SeatRow[]> {
  return reader.rows(sql`
    SELECT ${seatShape.columns} FROM seat_assignment l WHERE l.organization_id = ${organizationId} AND l.id = ANY (${ids(seatIds)})`);
}

/** Whether the seat subscriptions of a token's library are managed here. */
export interface SeatLibraryRow {
  /** The token's id. */
  id: bigint;
  enabledAt: Date | null;
  readAt: Date | null;
}

/** What is known of the libraries of these tokens. */
export function readSeatLibraries(
  reader: Rows,
  organizationId: bigint,
  tokenIds: readonly bigint[],
): Promise<SeatLibraryRow[]> {
  return reader.rows(sql`
    SELECT token_id AS id, enabled_at AS "enabledAt", read_at AS "readAt" FROM seat_library
    WHERE organization_id = ${organizationId} AND token_id = ANY (${ids(tokenIds)})`);
}

/** Seats that are to leave at the end of the period. */
export interface DeferredSeats {
  /** The subscription's id. */
  id: bigint;
  renewing: bigint;
}

/** Of subscriptions: how many renewing seats are to be taken back at the end of the period. */
export function readDeferredSeats(
  reader: Rows,
  organizationId: bigint,
  subscriptionIds: readonly bigint[],
): Promise<DeferredSeats[]> {
  return reader.rows(sql`
    SELECT l.subscription_id AS id, count(*) AS renewing FROM seat_assignment l
    WHERE l.organization_id = ${organizationId} AND l.subscription_id = ANY (${ids(subscriptionIds)}) AND l.ended_at IS NULL
      AND l.renewing AND l.removal_on IS NOT NULL GROUP BY 1`);
}
