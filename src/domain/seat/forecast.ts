import type { SeatSubscriptionRow } from './row.ts';

/** What the end of the period does, as far as it is known now. */
export interface SeatForecast {
  /** YYYY-MM-DD. */
  on: string;
  /** Seats that go: nobody bought them again. */
  seatsExpiring: bigint;
  /** People who lose theirs: it expires, or is to be taken back then. */
  peopleLosing: bigint;
  /** Seats that are left, and how many of them are held or free. */
  seatsRemaining: bigint;
  assignedRemaining: bigint;
  availableRemaining: bigint;
}

/** Null where no period of an active subscription ends: what a paused one does is not known. */
export function seatForecast(row: SeatSubscriptionRow, deferred: bigint): SeatForecast | null {
  if (row.periodEndsOn === null || row.status !== 'ACTIVE') return null;
  const renewing = row.heldRenewing + row.reservedRenewing;
  const assignedRemaining = renewing - deferred;
  const free = row.totalRenewing - assignedRemaining;
  return {
    on: row.periodEndsOn,
    seatsExpiring: row.totalExpiring,
    peopleLosing: row.heldExpiring + row.reservedExpiring + deferred,
    seatsRemaining: row.totalRenewing,
    assignedRemaining,
    availableRemaining: free > 0n ? free : 0n,
  };
}
