import { moment, sql, type Tx, texts } from '../../db/transaction.ts';
import type { SeatSubscriptionNumbers } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import { lockSubscriptions } from './transition.ts';

/** Brings a page of subscriptions in: Apple's numbers as of `readAt`, and when a period has ended. */
export async function mergeSeatSubscriptions(
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  rows: readonly SeatSubscriptionNumbers[],
  readAt: Date,
): Promise<void> {
  if (rows.length === 0) return;
  const distinct = [...new Map(rows.map((row) => [row.adamId, row])).values()].sort((a, b) =>
    a.adamId < b.adamId ? -1 : 1,
  );
  const text = (pick: (row: SeatSubscriptionNumbers) => string | null) => texts(distinct.map(pick));
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT id FROM seat_subscription WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND adam_id = ANY (${text((row) => row.adamId)})`,
  );
  const number = (pick: (row: SeatSubscriptionNumbers) => number) =>
    sql`${distinct.map((row) => String(pick(row)))}::text[]::bigint[]`;
  await tx.$executeRaw(sql`
    INSERT INTO seat_subscription AS s (organization_id, token_id, parent_adam_id, adam_id, status, period_ends_on,
      total_renewing, total_expiring, apple_assigned_renewing, apple_assigned_expiring, apple_available_renewing, apple_available_expiring, as_of)
    SELECT ${organizationId}, ${tokenId}, n.parent, n.adam_id, n.status::"SeatSubscriptionStatus", n.ends::date,
           n.tr, n.te, n.ar, n.ae, n.vr, n.ve, ${moment(readAt)}
    FROM unnest(${text((row) => row.parentAdamId)}, ${text((row) => row.adamId)}, ${text((row) => row.status)}, ${text((row) => row.periodEndsOn)},
      ${number((row) => row.total.renewing)}, ${number((row) => row.total.expiring)},
      ${number((row) => row.assigned.renewing)}, ${number((row) => row.assigned.expiring)},
      ${number((row) => row.available.renewing)}, ${number((row) => row.available.expiring)})
      AS n(parent, adam_id, status, ends, tr, te, ar, ae, vr, ve)
    ON CONFLICT (organization_id, token_id, adam_id) DO UPDATE SET
      parent_adam_id = excluded.parent_adam_id, status = excluded.status,
      period_ended_on = CASE WHEN s.period_ends_on < excluded.period_ends_on AND s.period_ends_on <= ${day(readAt)}::date
                             THEN s.period_ends_on ELSE s.period_ended_on END,
      period_ends_on = excluded.period_ends_on, total_renewing = excluded.total_renewing, total_expiring = excluded.total_expiring,
      apple_assigned_renewing = excluded.apple_assigned_renewing, apple_assigned_expiring = excluded.apple_assigned_expiring,
      apple_available_renewing = excluded.apple_available_renewing, apple_available_expiring = excluded.apple_available_expiring,
      as_of = excluded.as_of, gone_at = NULL
    WHERE s.as_of <= excluded.as_of`);
}

/** The day of a moment, in UTC. */
export const day = (moment: Date): string => moment.toISOString().slice(0, 10);

/** What a whole reading did not list any more has no seats. */
export async function retireSeatSubscriptions(
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  startedAt: Date,
  now: Date,
): Promise<void> {
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT id FROM seat_subscription WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`,
  );
  await tx.$executeRaw(sql`
    UPDATE seat_subscription SET gone_at = coalesce(gone_at, ${moment(now)}), status = 'INACTIVE', total_renewing = 0, total_expiring = 0,
      apple_assigned_renewing = 0, apple_assigned_expiring = 0, apple_available_renewing = 0, apple_available_expiring = 0, as_of = ${moment(now)}
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND as_of < ${moment(startedAt)} AND gone_at IS NULL`);
}
