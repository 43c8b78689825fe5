/** Which updates a run is about: what is available, not tried too often, and ruled by the run's policy. @module */
import { ids, moment, type Sql, sql, type Tx, texts } from '../../db/transaction.ts';
import { inGroup, isListed } from '../device-group/rule.ts';
import { isTried } from './availability.ts';
import { mayBeBehind, readBehind } from './behind.ts';
import { byPrecedence, policiesFor } from './policy.ts';
import { type Zones, zoneOf } from './zones.ts';

/** What is judged: everything, or the apps and devices of which there is news. */
export interface Scope {
  all: boolean;
  appIds: readonly bigint[];
  deviceIds: readonly bigint[];
}

/** A run that takes updates in. */
export interface TakingRun {
  taskId: bigint;
  policyId: bigint;
  zone: string;
  opensAt: Date;
  /** Judges everything, whatever the scope. */
  fresh: boolean;
}

/** The device holds a confirmed license of the app: what people installed by themselves is not touched. */
export const isLicensed: Sql = sql`EXISTS (SELECT 1 FROM license l WHERE l.organization_id = a.organization_id AND l.device_id = a.device_id
  AND l.app_id = a.app_id AND l.ended_at IS NULL AND l.state = 'CONFIRMED')`;

/** Nothing else is under way for the app on the device. */
const isFree: Sql = sql`NOT EXISTS (SELECT 1 FROM update_item i WHERE i.organization_id = a.organization_id AND i.device_id = a.device_id
    AND i.app_id = a.app_id AND i.ended_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = a.organization_id AND o.device_id = a.device_id
    AND o.app_id = a.app_id AND o.ended_at IS NULL)`;

/** A stable number of a device under a policy, below 10,000: who is in which share. */
const share: Sql = sql`((hashint8extended(p.device_id, p.policy_id) & 9223372036854775807) % 10000)`;

const ring: Sql = sql`CASE WHEN p.rings = '[]' THEN 0 ELSE coalesce((
  SELECT min(r.n) - 1 FROM jsonb_array_elements(p.rings) WITH ORDINALITY AS r(ring, n)
  LEFT JOIN device_group g ON g.organization_id = d.organization_id AND g.id = (r.ring ->> 'groupId')::bigint
  WHERE ${share} < (r.ring ->> 'percent')::numeric * 100 OR (g.id IS NOT NULL AND ${isListed} AND ${inGroup})), jsonb_array_length(p.rings)) END`;

/** Puts the updates that are to be made into the runs. Gives how many came to each. */
export async function fillRuns(
  tx: Tx,
  organizationId: bigint,
  work: { runs: readonly TakingRun[]; scope: Scope; zones: Zones; now: Date },
): Promise<Map<bigint, number>> {
  const { runs, scope, zones, now } = work;
  if (runs.length === 0) return new Map();
  const all = scope.all || runs.some((run) => run.fresh);
  // Of single apps and devices few rows are read anyway.
  const behind = all ? await readBehind(tx, organizationId) : null;
  if (all && !behind) return new Map();
  const news = behind
    ? mayBeBehind(behind)
    : sql`(a.app_id = ANY (${ids(scope.appIds)}) OR a.device_id = ANY (${ids(scope.deviceIds)}))`;
  const rows = await tx.$queryRaw<{ taskId: bigint; count: number }[]>(sql`
    WITH run AS (
      SELECT * FROM unnest(${ids(runs.map((run) => run.taskId))}, ${ids(runs.map((run) => run.policyId))}, ${texts(runs.map((run) => run.zone))},
        ${texts(runs.map((run) => run.opensAt.toISOString()))}::timestamptz[]) AS k(task_id, policy_id, zone, opens_at)
    ), tried AS MATERIALIZED (
      -- First what is behind its store, by hash joins; only of that the rest is looked up, row by row.
      SELECT a.organization_id, a.device_id, a.app_id, a.target_version, a.installed_version FROM app_availability a
      -- The second says nothing new and is the cheaper question.
      WHERE a.organization_id = ${organizationId} AND ${isTried} AND a.installed_version IS DISTINCT FROM a.store_version AND ${news}
    ), pair AS MATERIALIZED (
      SELECT a.device_id, a.app_id, a.target_version, a.installed_version, q.id AS policy_id, k.task_id, k.opens_at
      FROM tried a
      JOIN device d ON d.organization_id = a.organization_id AND d.id = a.device_id AND d.family <> 'MAC'
      JOIN enrollment e ON e.organization_id = a.organization_id AND e.device_id = a.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
      LEFT JOIN update_attempt t ON t.organization_id = a.organization_id AND t.device_id = a.device_id AND t.app_id = a.app_id
        AND t.target_version = a.target_version
      CROSS JOIN LATERAL (SELECT p.id, p.zone FROM ${policiesFor(sql`a.app_id`)} ORDER BY ${byPrecedence} LIMIT 1) q
      JOIN run k ON k.policy_id = q.id AND k.zone = ${zoneOf(sql`q.zone::text`, zones)}
      WHERE t.stuck_at IS NULL
        AND (t.next_at IS NULL OR t.next_at <= ${moment(now)}) AND ${isFree} AND ${isLicensed}
    ), version AS MATERIALIZED (
      -- With the devices of each, so that a pair need not look for its version among all of them.
      SELECT policy_id, app_id, target_version, array_agg(device_id) AS devices, array_agg(installed_version) AS versions,
        array_agg(task_id) AS tasks, array_agg(opens_at) AS openings FROM pair GROUP BY 1, 2, 3
    ), made AS (
      INSERT INTO update_rollout (organization_id, policy_id, app_id, target_version, created_at)
      SELECT ${organizationId}, policy_id, app_id, target_version, ${moment(now)} FROM version ORDER BY 2, 3, 4
      ON CONFLICT DO NOTHING RETURNING id, policy_id, app_id, target_version, paused_at
    ), rollout AS (
      SELECT * FROM made UNION ALL
      SELECT r.id, r.policy_id, r.app_id, r.target_version, r.paused_at FROM update_rollout r JOIN version USING (policy_id, app_id, target_version)
      WHERE r.organization_id = ${organizationId}
    ), taken AS (
      INSERT INTO update_item (organization_id, task_id, rollout_id, device_id, app_id, ring, version_before, due_at, created_at)
      SELECT ${organizationId}, p.task_id, p.rollout_id, p.device_id, p.app_id, ${ring}, p.installed_version,
        p.opens_at + interval '1 millisecond' * ((hashint8extended(p.device_id, p.task_id) & 9223372036854775807) % greatest(1, p.jitter_minutes * 60000)), ${moment(now)}
      FROM (
        SELECT k.*, v.policy_id, v.app_id, r.id AS rollout_id, q.rings, q.jitter_minutes
        FROM version v JOIN rollout r USING (policy_id, app_id, target_version)
        JOIN update_policy q ON q.organization_id = ${organizationId} AND q.id = v.policy_id
        CROSS JOIN LATERAL unnest(v.devices, v.versions, v.tasks, v.openings) AS k(device_id, installed_version, task_id, opens_at)
        WHERE r.paused_at IS NULL
      ) p JOIN device d ON d.organization_id = ${organizationId} AND d.id = p.device_id
      ORDER BY p.device_id, p.app_id ON CONFLICT DO NOTHING RETURNING task_id
    )
    SELECT task_id AS "taskId", count(*)::int AS count FROM taken GROUP BY 1`);
  return new Map(rows.map((row) => [row.taskId, row.count]));
}
