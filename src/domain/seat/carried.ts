import { sql, type Tx } from '../../db/transaction.ts';
import type { OpenCall, SeatCallKind } from '../license/call.ts';

/** One seat that a call carries. */
export interface CarriedSeat {
  id: bigint;
  subscriptionId: bigint;
  adamId: string;
  clientUserId: string;
  renewing: boolean;
  removalDeferred: boolean;
  sends: number;
}

/** An open call that is about seats. */
export type SeatCall = OpenCall & { kind: SeatCallKind };

/** The seats that an open call carries and that still wait for it. */
export function carriedSeats(db: Tx, organizationId: bigint, callId: bigint): Promise<CarriedSeat[]> {
  return db.$queryRaw<CarriedSeat[]>(sql`
    SELECT id, subscription_id AS "subscriptionId", adam_id AS "adamId", client_user_id AS "clientUserId", renewing,
           removal_deferred AS "removalDeferred", sends::int AS sends
    FROM seat_assignment WHERE organization_id = ${organizationId} AND call_id = ${callId}
      AND state IN ('REQUESTED', 'PENDING_AT_APPLE', 'REMOVAL_REQUESTED', 'REMOVAL_PENDING') ORDER BY id`);
}
