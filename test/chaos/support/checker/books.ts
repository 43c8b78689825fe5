/** Our books: pools, license rows and ledger say the same. @module */
import type { Evidence } from './evidence.ts';

interface Pool {
  pool: string;
  held: number;
  reserved: number;
  held_rows: number;
  reserved_rows: number;
  held_ledger: number;
  reserved_ledger: number;
}

/** Counters of every pool = its rows = the sum of its ledger; nothing is reserved after the quiet. */
export async function booksBalance({ rows, truths }: Evidence): Promise<string[]> {
  const pools = await rows<Pool & { library: string; adam_id: string; pricing_param: string }>(
    `SELECT format('Pool %s (%s of %s)', p.id, p.adam_id, t.u_id) AS pool, t.u_id AS library, p.adam_id, p.pricing_param, p.held::int, p.reserved::int,
       (SELECT count(*)::int FROM license l WHERE l.pool_id = p.id AND l.state IN ('CONFIRMED', 'REVOKE_REQUESTED', 'REVOKE_PENDING')) AS held_rows,
       (SELECT count(*)::int FROM license l WHERE l.pool_id = p.id AND l.state IN ('REQUESTED', 'PENDING_AT_APPLE')) AS reserved_rows,
       (SELECT coalesce(sum(held_delta), 0)::int FROM ledger g WHERE g.pool_id = p.id) AS held_ledger,
       (SELECT coalesce(sum(reserved_delta), 0)::int FROM ledger g WHERE g.pool_id = p.id) AS reserved_ledger
     FROM license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id ORDER BY p.id`,
  );
  const assigned = new Map<string, number>(
    truths.flatMap(({ uId, assets }) =>
      assets.map((asset) => [`${uId} ${asset.adamId} ${asset.pricingParam}`, asset.assigned] as const),
    ),
  );
  return pools.flatMap((row) => {
    const atApple = assigned.get(`${row.library} ${row.adam_id} ${row.pricing_param}`) ?? 0;
    return [
      ...(row.held === row.held_rows
        ? []
        : [`${row.pool} counts ${row.held} held, and has ${row.held_rows} held licenses`]),
      ...(row.reserved === row.reserved_rows
        ? []
        : [`${row.pool} counts ${row.reserved} reserved, and has ${row.reserved_rows} licenses on their way`]),
      ...(row.reserved === 0 ? [] : [`${row.pool} still has ${row.reserved} reserved after the quiet`]),
      ...(row.held === row.held_ledger
        ? []
        : [`${row.pool} counts ${row.held} held, and its ledger ${row.held_ledger}`]),
      ...(row.reserved === row.reserved_ledger
        ? []
        : [`${row.pool} counts ${row.reserved} reserved, and its ledger ${row.reserved_ledger}`]),
      ...(row.held === atApple ? [] : [`${row.pool} counts ${row.held} held, and Apple has given ${atApple}`]),
    ];
  });
}

/** No reservation of ours ever went beyond the seats: the ledger tells it for every moment. Totals only grow in these runs. */
export async function reservedWithinTotal({ rows }: Evidence): Promise<string[]> {
  const beyond = await rows<{
    pool_id: string;
    adam_id: string;
    line: string;
    taken: number;
    total: number;
    tasks: string;
  }>(
    `SELECT pool_id, adam_id, min(id) AS line, max(taken)::int AS taken, total::int, string_agg(DISTINCT task_id::text, ', ') AS tasks FROM (
       SELECT g.id, g.kind, g.pool_id, g.task_id, p.adam_id, p.total,
         sum(g.held_delta + g.reserved_delta) OVER (PARTITION BY g.pool_id ORDER BY g.id) AS taken
       FROM ledger g JOIN license_pool p ON p.organization_id = g.organization_id AND p.id = g.pool_id WHERE NOT p.unlimited
     ) line WHERE kind = 'REQUEST' AND taken > total GROUP BY pool_id, adam_id, total`,
  );
  return beyond.map(
    (row) =>
      `Pool ${row.pool_id} (${row.adam_id}) has ${row.total} seats, and ${row.taken} were given away at once, from ledger line ${row.line} on, to tasks ${row.tasks}`,
  );
}

/** Nobody holds two live licenses of one asset, unless somebody outside gave one of them. Says how each came to be. */
export async function nothingDoubled({ rows, told }: Evidence): Promise<string[]> {
  const doubled = await rows<{ adam_id: string; serial_number: string; licenses: string }>(
    `SELECT l.adam_id, l.serial_number, string_agg(format('%s (%s, pool %s: %s)', l.id, l.source, l.pool_id, h.lines), '; ' ORDER BY l.id) AS licenses
     FROM license l CROSS JOIN LATERAL (
       SELECT string_agg(format('%s %s %s %s', to_char(g.at, 'HH24:MI:SS.MS'), g.kind, g.actor, coalesce(g.reason, '')), ', ' ORDER BY g.id) AS lines
       FROM ledger g WHERE g.organization_id = l.organization_id AND g.license_id = l.id
     ) h
     WHERE l.serial_number IS NOT NULL
     GROUP BY l.organization_id, l.adam_id, l.pricing_param, l.serial_number HAVING count(*) FILTER (WHERE l.ended_at IS NULL) > 1`,
  );
  return doubled
    .filter((row) => !told.movedOutside.has(`${row.adam_id} ${row.serial_number}`))
    .map((row) => `${row.serial_number} holds ${row.adam_id} more than once: licenses ${row.licenses}`);
}
