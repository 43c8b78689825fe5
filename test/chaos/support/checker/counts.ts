/** The counts that subscribers were told last are those of the database. @module */
import type { Evidence } from './evidence.ts';

interface Row {
  adam_id: string;
  text: string;
}

/** Each follower's newest counts of each app. */
export async function countsAreToldRight({ rows, told }: Evidence): Promise<string[]> {
  const pools = await rows<Row>(
    `SELECT p.adam_id, concat_ws(' ',
       CASE WHEN bool_or(p.unlimited) THEN 'null' ELSE sum(p.total)::text END,
       CASE WHEN bool_or(p.unlimited) THEN 'null' ELSE sum(greatest(p.total - p.held - p.reserved, 0))::text END,
       sum(p.held + p.reserved), sum(p.reserved), sum(p.retired)) AS text
     FROM license_pool p JOIN token t ON t.organization_id = p.organization_id AND t.id = p.token_id AND t.removed_at IS NULL GROUP BY p.adam_id`,
  );
  return told.counts.flatMap((newest, follower) =>
    pools.flatMap(({ adam_id, text }) => {
      const counts = newest.get(adam_id);
      const heard =
        counts && [counts.total, counts.available, counts.used, counts.pending, counts.retired].map(String).join(' ');
      if (heard === text) return [];
      return [
        `Follower ${follower} of the counts heard "${heard ?? 'nothing'}" of ${adam_id} last, and the pools say "${text}" (total, available, used, pending, retired)`,
      ];
    }),
  );
}
