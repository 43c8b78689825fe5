/** On which day the seats of an app run out if they go on being used as in the last days. @module */
import type { Rows } from '../../db/rows.ts';
import { ids, moment, sql } from '../../db/transaction.ts';

/** Why no day can be said. */
export type NoForecast = 'NOT_HELD' | 'UNLIMITED' | 'TOO_NEW' | 'NOT_RISING' | 'FAR_AWAY';

/** A forecast with the numbers that it was made from. */
export interface AppForecast {
  appId: bigint;
  /** Null when it can't be said: see `reason`. */
  runsOutOn: Date | null;
  reason: NoForecast | null;
  /** Seats free now in all tokens; null when unlimited. */
  available: bigint | null;
  /** Whole days that were looked at: 30, or since the app is known. */
  windowDays: number;
  given: bigint;
  returned: bigint;
  /** Given less returned, a day. */
  perDay: number;
}

const day = 86_400_000;
/** Days that are looked at. */
const window = 30;
/** Fewer days say too little. */
const leastDays = 7;
/** What lies behind is no forecast but a guess. */
const farthest = 3650;

interface Numbers {
  appId: bigint;
  firstSeenAt: Date;
  pools: bigint;
  unlimited: boolean;
  available: bigint;
  given: bigint;
  returned: bigint;
}

/**
 * The forecasts of apps, in no order; one statement. The lines are counted pool by pool, so that each pool's are found by
 * its index: joined, the database may read those of all pools for each app.
 */
export async function readForecasts(
  reader: Rows,
  organizationId: bigint,
  appIds: readonly bigint[],
  now: Date,
): Promise<AppForecast[]> {
  const since = moment(new Date(now.getTime() - window * day));
  const pools = sql`license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id AND t.removed_at IS NULL`;
  const rows = await reader.rows<Numbers>(sql`
    SELECT a.id AS "appId", a.first_seen_at AS "firstSeenAt", s.pools, s.unlimited, s.available, u.given, u.returned
    FROM app a CROSS JOIN LATERAL (
      SELECT count(*) AS pools, coalesce(bool_or(p.unlimited), false) AS unlimited,
        coalesce(sum(greatest(p.total - p.held - p.reserved, 0)), 0)::bigint AS available
      FROM ${pools} WHERE p.organization_id = a.organization_id AND p.app_id = a.id AND p.gone_at IS NULL
    ) s CROSS JOIN LATERAL (
      SELECT coalesce(sum(m.given), 0)::bigint AS given, coalesce(sum(m.returned), 0)::bigint AS returned
      FROM ${pools} CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE l.held_delta + l.reserved_delta > 0) AS given,
          count(*) FILTER (WHERE l.held_delta + l.reserved_delta < 0) AS returned
        FROM ledger l WHERE l.organization_id = p.organization_id AND l.pool_id = p.id AND l.at > ${since}
          AND l.kind NOT IN ('OPENING', 'REMOVE_HELD', 'REMOVE_RESERVED')
      ) m WHERE p.organization_id = a.organization_id AND p.app_id = a.id
    ) u
    WHERE a.organization_id = ${organizationId} AND a.id = ANY (${ids(appIds)})`);
  return rows.map((row) => forecast(row, now));
}

/** The rule: what is free now, shared out at the pace of the days before. */
export function forecast(numbers: Numbers, now: Date): AppForecast {
  const { appId, given, returned } = numbers;
  const known = Math.floor((now.getTime() - numbers.firstSeenAt.getTime()) / day);
  const windowDays = Math.max(1, Math.min(window, known));
  const perDay = Number(given - returned) / windowDays;
  const available = numbers.unlimited ? null : numbers.available;
  const said = { appId, available, windowDays, given, returned, perDay: Math.round(perDay * 100) / 100 };
  const not = (reason: NoForecast): AppForecast => ({ ...said, runsOutOn: null, reason });
  if (numbers.pools === 0n) return not('NOT_HELD');
  if (available === null) return not('UNLIMITED');
  if (available > 0n && known < leastDays) return not('TOO_NEW');
  if (available > 0n && perDay <= 0) return not('NOT_RISING');
  const days = available === 0n ? 0 : Number(available) / perDay;
  if (days > farthest) return not('FAR_AWAY');
  return { ...said, runsOutOn: new Date(now.getTime() + days * day), reason: null };
}
