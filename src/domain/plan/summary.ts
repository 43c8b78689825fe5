import type { Rows } from '../../db/rows.ts';
import { sql } from '../../db/transaction.ts';

/** What a plan means for one app. */
export interface PlanOfApp {
  appId: bigint;
  /** Items of the plan. */
  requested: bigint;
  given: bigint;
  takenBack: bigint;
  waiting: bigint;
  refused: bigint;
  /** Of the refused and the waiting, those that lack nothing but a seat. */
  shortfall: bigint;
}

/** One line an app, the largest first. */
export function summarizePlan(reader: Rows, organizationId: bigint, planId: bigint): Promise<PlanOfApp[]> {
  return reader.rows<PlanOfApp>(sql`
    SELECT i.app_id AS "appId", count(*) AS requested, count(*) FILTER (WHERE i.outcome = 'GIVE') AS given,
           count(*) FILTER (WHERE i.outcome = 'TAKE_BACK') AS "takenBack", count(*) FILTER (WHERE i.outcome = 'WAIT') AS waiting,
           count(*) FILTER (WHERE i.outcome = 'REFUSED') AS refused,
           count(*) FILTER (WHERE i.outcome = 'WAIT' OR i.code = 'NO_LICENSES_AVAILABLE') AS shortfall
    FROM plan_item i WHERE i.organization_id = ${organizationId} AND i.plan_id = ${planId} AND i.app_id IS NOT NULL
    GROUP BY i.app_id ORDER BY requested DESC, i.app_id`);
}
