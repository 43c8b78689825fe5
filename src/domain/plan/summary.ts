import type { Rows } from '../../db/rows.ts';
import { sql } from '../../db/transaction.ts';
import { Prisma } from '../../generated/prisma/client.ts';

/** What a plan means for one app. */
export interface PlanOfApp {
  appId: bigint;
  /** Licenses that the plan is about. */
  requested: bigint;
  given: bigint;
  takenBack: bigint;
  /** They stay as they are at Apple, and nobody looks after them any more. */
  left: bigint;
  waiting: bigint;
  refused: bigint;
  /** Of the refused and the waiting, those that lack nothing but a seat. */
  shortfall: bigint;
  /** Apps on devices, which are no licenses. */
  installs: bigint;
  removals: bigint;
  /** Those of both that can't be. */
  appsRefused: bigint;
}

/** One line an app, the largest first. */
export function summarizePlan(reader: Rows, organizationId: bigint, planId: bigint): Promise<PlanOfApp[]> {
  return reader.rows<PlanOfApp>(sql`
    SELECT i.app_id AS "appId", ${sum()} AS requested, ${sum("i.outcome = 'GIVE'")} AS given, ${sum("i.outcome = 'TAKE_BACK'")} AS "takenBack",
           ${sum("i.outcome = 'LEAVE'")} AS "left", ${sum("i.outcome = 'WAIT'")} AS waiting, ${sum("i.outcome = 'REFUSED'")} AS refused,
           ${sum("i.outcome = 'WAIT' OR i.code = 'NO_LICENSES_AVAILABLE'")} AS shortfall,
           count(*) FILTER (WHERE i.outcome = 'INSTALL_APP') AS installs, count(*) FILTER (WHERE i.outcome = 'REMOVE_APP') AS removals,
           count(*) FILTER (WHERE i.outcome = 'REFUSED' AND i.licenses = 0) AS "appsRefused"
    FROM plan_item i WHERE i.organization_id = ${organizationId} AND i.plan_id = ${planId} AND i.app_id IS NOT NULL
    GROUP BY i.app_id ORDER BY requested DESC, i.app_id LIMIT 1000`);
}

const sum = (condition = 'true') => Prisma.raw(`coalesce(sum(i.licenses) FILTER (WHERE ${condition}), 0)::bigint`);
