/** Brings what Apple lists of seats into our rows, a page at a time, and ends what a whole reading did not list. @module */
import { moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import { actorLabel } from '../actor.ts';
import type { Context } from '../context.ts';
import type { SeatHolding } from '../ports.ts';
import { addHolders } from '../sync/add-holders.ts';
import type { TokenKey } from '../token/gate.ts';
import { day } from './merge-subscriptions.ts';
import { lockSubscriptions, moveSeats, type SeatTransition } from './transition.ts';

/** A reading of all seats. */
export interface SeatSweep extends TokenKey {
  sweep: bigint;
  startedAt: Date;
  /** Nothing was ever read whole before. */
  opening: boolean;
}

/** Merges one page. What is under way here, or has changed since the reading began, is left as it is. */
export async function mergeSeats(
  context: Context,
  tx: Tx,
  sweep: SeatSweep,
  rows: readonly SeatHolding[],
): Promise<void> {
  if (rows.length === 0) return;
  const { organizationId, tokenId } = sweep;
  const now = context.clock.now();
  await addHolders(
    tx,
    sweep,
    'USER',
    rows.map((row) => row.clientUserId),
    now,
  );
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT s.id FROM seat_subscription s WHERE s.organization_id = ${organizationId} AND s.token_id = ${tokenId}
        AND s.adam_id = ANY (${texts([...new Set(rows.map((row) => row.adamId))])})`,
  );
  const listed = listedSeats(sweep, rows);
  await addSeats(context, tx, sweep, listed, now);
  await turnSeats(context, tx, sweep, listed, now);
  await tx.$executeRaw(sql`
    INSERT INTO seat_seen (organization_id, token_id, sweep, seat_id)
    SELECT ${organizationId}, ${tokenId}, ${sweep.sweep}, l.id FROM ${listed}
    JOIN seat_assignment l ON l.organization_id = ${organizationId} AND l.subscription_id = n.subscription_id
      AND l.client_user_id = n.client_user_id AND l.ended_at IS NULL
    ON CONFLICT DO NOTHING`);
}

function listedSeats({ organizationId, tokenId }: TokenKey, rows: readonly SeatHolding[]): Sql {
  const distinct = [...new Map(rows.map((row) => [`${row.adamId}|${row.clientUserId}`, row])).values()];
  return sql`(
    SELECT s.id AS subscription_id, s.adam_id, u.id AS user_id, u.client_user_id, g.renewing, g.place
    FROM unnest(${texts(distinct.map((row) => row.adamId))}, ${texts(distinct.map((row) => row.clientUserId))},
                ${distinct.map((row) => row.renewing)}::boolean[]) WITH ORDINALITY AS g(adam_id, name, renewing, place)
    JOIN seat_subscription s ON s.organization_id = ${organizationId} AND s.token_id = ${tokenId} AND s.adam_id = g.adam_id
    JOIN vpp_user u ON u.organization_id = ${organizationId} AND u.token_id = ${tokenId} AND u.client_user_id = g.name
  ) n`;
}

/** Seats that nobody here knows of, unless they ended here while the page was on its way. */
async function addSeats(context: Context, tx: Tx, sweep: SeatSweep, listed: Sql, now: Date): Promise<void> {
  const { organizationId, tokenId, startedAt, opening } = sweep;
  await tx.$executeRaw(sql`
    WITH made AS (
      INSERT INTO seat_assignment (organization_id, subscription_id, token_id, adam_id, client_user_id, vpp_user_id, renewing, state, source,
                                   opening, started_at, changed_at)
      SELECT ${organizationId}, n.subscription_id, ${tokenId}, n.adam_id, n.client_user_id, n.user_id, n.renewing, 'CONFIRMED', 'EXTERNAL',
             true, ${moment(now)}, ${moment(now)}
      FROM ${listed}
      WHERE NOT EXISTS (SELECT 1 FROM seat_assignment l WHERE l.organization_id = ${organizationId} AND l.subscription_id = n.subscription_id
                          AND l.client_user_id = n.client_user_id AND (l.ended_at IS NULL OR l.ended_at >= ${moment(startedAt)}))
      ORDER BY n.place RETURNING id, subscription_id, renewing
    ), written AS (
      INSERT INTO seat_ledger (organization_id, at, subscription_id, seat_id, kind, held_renewing_delta, held_expiring_delta,
                               reserved_renewing_delta, reserved_expiring_delta, actor)
      SELECT ${organizationId}, ${moment(now)}, subscription_id, id, ${opening ? 'OPENING' : 'FOUND'}, renewing::int, (NOT renewing)::int, 0, 0,
             ${actorLabel(context.actor)} FROM made
    )
    UPDATE seat_subscription s SET held_renewing = held_renewing + d.renewing, held_expiring = held_expiring + d.expiring
    FROM (SELECT subscription_id, count(*) FILTER (WHERE renewing) AS renewing, count(*) FILTER (WHERE NOT renewing) AS expiring FROM made GROUP BY 1) d
    WHERE s.organization_id = ${organizationId} AND s.id = d.subscription_id`);
}

/** Seats that somebody made renew, or no longer renew, at Apple. */
async function turnSeats(context: Context, tx: Tx, sweep: SeatSweep, listed: Sql, now: Date): Promise<void> {
  const { organizationId, startedAt } = sweep;
  await tx.$executeRaw(sql`
    WITH turned AS (
      UPDATE seat_assignment l SET renewing = n.renewing, changed_at = ${moment(now)}
      FROM ${listed}
      WHERE l.organization_id = ${organizationId} AND l.subscription_id = n.subscription_id AND l.client_user_id = n.client_user_id
        AND l.state IN ('CONFIRMED', 'REMOVAL_DEFERRED') AND l.renewing <> n.renewing AND l.changed_at < ${moment(startedAt)}
      RETURNING l.id, l.subscription_id, CASE WHEN l.renewing THEN 1 ELSE -1 END AS by
    ), written AS (
      INSERT INTO seat_ledger (organization_id, at, subscription_id, seat_id, kind, held_renewing_delta, held_expiring_delta,
                               reserved_renewing_delta, reserved_expiring_delta, actor)
      SELECT ${organizationId}, ${moment(now)}, subscription_id, id, 'TURN', by, -by, 0, 0, ${actorLabel(context.actor)} FROM turned
    )
    UPDATE seat_subscription s SET held_renewing = held_renewing + d.by, held_expiring = held_expiring - d.by
    FROM (SELECT subscription_id, sum(by) AS by FROM turned GROUP BY 1) d
    WHERE s.organization_id = ${organizationId} AND s.id = d.subscription_id`);
}

/**
 * Ends what the reading did not list. While the library was moving a row may just have been overlooked: it is noted, and
 * ended when it is missing again. What was to leave at a period's end that is past, and is still there, stays.
 */
export async function judgeMissingSeats(context: Context, tx: Tx, sweep: SeatSweep, moved: boolean): Promise<void> {
  const { organizationId, tokenId, startedAt } = sweep;
  const now = context.clock.now();
  const seen = sql`EXISTS (SELECT 1 FROM seat_seen e WHERE e.organization_id = ${organizationId} AND e.token_id = ${tokenId}
    AND e.sweep = ${sweep.sweep} AND e.seat_id = l.id)`;
  const mine = sql`l.token_id = ${tokenId} AND l.changed_at < ${moment(startedAt)}`;
  const missing = sql`${mine} AND NOT ${seen} ${moved ? sql`AND l.missed_at < ${moment(startedAt)}` : sql``}`;
  const over = sql`EXISTS (SELECT 1 FROM seat_subscription s WHERE s.organization_id = l.organization_id AND s.id = l.subscription_id
    AND (s.status = 'INACTIVE' OR s.period_ended_on >= (l.started_at AT TIME ZONE 'UTC')::date OR s.period_ends_on <= ${day(now)}::date))`;
  const common = { organizationId, now, actor: context.actor };
  const move = (kind: SeatTransition, where: Sql, reason: string | null) =>
    moveSeats(tx, kind, { ...common, where, reason });
  await lockSubscriptions(
    tx,
    organizationId,
    sql`SELECT id FROM seat_subscription WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`,
  );
  await move('LEAVE', sql`${missing} AND coalesce(l.removal_on <= ${day(now)}::date, true)`, 'PERIOD_END');
  await move('EXPIRE', sql`${missing} AND NOT l.renewing AND ${over}`, 'PERIOD_END');
  await move('GONE', missing, 'GONE_AT_APPLE');
  await move('STAY', sql`${mine} AND ${seen} AND l.removal_on < ${day(now)}::date - 1`, 'NOT_REMOVED');
  await tx.$executeRaw(sql`
    UPDATE seat_assignment l SET missed_at = CASE WHEN ${seen} THEN NULL ELSE ${moment(now)} END
    WHERE l.organization_id = ${organizationId} AND ${mine} AND l.state IN ('CONFIRMED', 'REMOVAL_DEFERRED')
      AND ${seen} = (l.missed_at IS NOT NULL)`);
}
