/** Seats of subscriptions: ours are Apple's, and our counters, rows and ledger say the same. @module */
import type { Evidence } from './evidence.ts';

/** Our live seats are Apple's, by library, subscription, person and kind; none is on its way, and none goes beyond what was bought. */
export async function seatsAgree({ seatTruths, rows }: Evidence): Promise<string[]> {
  const ours = await rows<{ key: string; state: string; id: string }>(
    `SELECT l.id, l.state, concat_ws(' ', t.u_id, l.adam_id, l.client_user_id, CASE WHEN l.renewing THEN 'renewing' ELSE 'expiring' END) AS key
     FROM seat_assignment l JOIN token t ON t.organization_id = l.organization_id AND t.id = l.token_id WHERE l.ended_at IS NULL`,
  );
  const here = new Set(ours.map((row) => row.key));
  const there = new Set(
    seatTruths.flatMap(({ uId, seats }) =>
      seats.map((seat) => [uId, seat.adamId, seat.clientUserId, seat.renewing ? 'renewing' : 'expiring'].join(' ')),
    ),
  );
  const missing = [...there].filter((key) => !here.has(key)).map((key) => `Apple has the seat ${key}, and we do not`);
  const surplus = ours
    .filter((row) => !there.has(row.key))
    .map((row) => `Seat ${row.id} (${row.key}) is ${row.state} here, and Apple does not have it`);
  const underWay = ours
    .filter((row) => !['CONFIRMED', 'REMOVAL_DEFERRED'].includes(row.state))
    .map((row) => `Seat ${row.id} (${row.key}) is still ${row.state} after the quiet`);
  const beyond = seatTruths.flatMap(({ uId, subscriptions }) =>
    subscriptions.flatMap(({ adamId, total, assigned }) =>
      kinds
        .filter((kind) => assigned[kind] > total[kind])
        .map(
          (kind) =>
            `Apple has given ${assigned[kind]} ${kind} seats of ${adamId} in library ${uId}, which bought ${total[kind]}`,
        ),
    ),
  );
  return [...missing, ...surplus, ...underWay, ...beyond];
}

const kinds = ['renewing', 'expiring'] as const;

/** Counters of every subscription, in both kinds = its rows = the sum of its ledger; no ledger line went beyond the seats. */
export async function seatBooksBalance({ rows }: Evidence): Promise<string[]> {
  const found = await Promise.all(
    kinds.map((kind) =>
      rows<{ text: string }>(
        `SELECT format('Subscription %s counts %s held and %s reserved ${kind} seats, has %s and %s, its ledger says %s and %s, and at most %s of %s were taken',
           s.adam_id, s.held_${kind}, s.reserved_${kind}, r.held, r.reserved, g.held, g.reserved, g.most, s.total_${kind}) AS text
         FROM seat_subscription s, LATERAL (
           SELECT count(*) FILTER (WHERE state NOT IN ('REQUESTED', 'PENDING_AT_APPLE')) AS held,
                  count(*) FILTER (WHERE state IN ('REQUESTED', 'PENDING_AT_APPLE')) AS reserved
           FROM seat_assignment l WHERE l.subscription_id = s.id AND l.ended_at IS NULL AND l.renewing = ${kind === 'renewing'}
         ) r, LATERAL (
           SELECT coalesce(sum(held), 0) AS held, coalesce(sum(reserved), 0) AS reserved, coalesce(max(taken), 0) AS most FROM (
             SELECT held_${kind}_delta AS held, reserved_${kind}_delta AS reserved,
                    sum(held_${kind}_delta + reserved_${kind}_delta) OVER (ORDER BY id) AS taken
             FROM seat_ledger WHERE subscription_id = s.id
           ) line
         ) g
         WHERE (s.held_${kind}, s.reserved_${kind}) <> (r.held, 0) OR r.reserved <> 0 OR (g.held, g.reserved) <> (r.held, 0) OR g.most > s.total_${kind}`,
      ),
    ),
  );
  return found.flat().map((row) => row.text);
}
