/** One kind of due work, put so that all kinds are asked for in one statement. @module */
import type { JobName } from '../../db/enqueue.ts';
import { join, type Sql, sql } from '../../db/transaction.ts';

/** One piece of due work, as the job that does it. */
export interface DueWork {
  name: JobName;
  payload: Record<string, string>;
  key: string;
}

/** What a piece of due work is about. */
export interface DueRow {
  organizationId: bigint;
  /** The id that names it in its organization; 0 where the organization is all. */
  subject: bigint;
  /** A word besides; empty where none is needed. */
  detail: string;
}

/** A kind of due work. */
export interface DueSource {
  /** What is due: organization, subject and detail, the most urgent first, at most {@link most} of them. */
  rows: Sql;
  /** The job of one of them. */
  job(row: DueRow): DueWork;
}

/** The end of each kind's statement: most pieces of it in one answer. */
export const most = sql`LIMIT 1000`;

/** One statement for all kinds, so that looking for work is one question however many kinds there are. */
export function askFor(sources: readonly DueSource[]): Sql {
  const parts = sources.map(
    ({ rows }, index) => sql`
    SELECT ${index}::int AS source, organization AS "organizationId", subject, detail FROM (${rows}) due (organization, subject, detail)`,
  );
  return join(parts, ' UNION ALL ');
}

/** A kind that is about whole organizations; `organizations` gives their ids. */
export function ofOrganizations(organizations: Sql, job: (organizationId: bigint) => DueWork): DueSource {
  return {
    rows: sql`SELECT organization, 0::bigint, ''::text FROM (${organizations}) o (organization)`,
    job: ({ organizationId }) => job(organizationId),
  };
}

/** A kind that is about tokens; `tokens` gives organization and id of each. */
export function ofTokens(name: JobName, prefix: string, tokens: Sql): DueSource {
  return {
    rows: sql`SELECT organization, token, ''::text FROM (${tokens}) o (organization, token)`,
    job: ({ organizationId, subject }) => ({
      name,
      payload: { organizationId: String(organizationId), tokenId: String(subject) },
      key: `${prefix}:${organizationId}:${subject}`,
    }),
  };
}
