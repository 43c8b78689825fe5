import type { Rows } from '../../db/rows.ts';
import { type Sql, sql } from '../../db/transaction.ts';
import { NotFoundError } from '../errors.ts';
import { isTimeZone } from '../organization/settings.ts';
import { type AvailabilityRow, availabilityColumns } from './availability.ts';
import { type Decision, decide, type UpdateFacts } from './decide.ts';
import { lastStart, sentBeside } from './next-items.ts';
import { isLicensed } from './plan.ts';
import { type PolicyRow, readPoliciesFor } from './policy.ts';
import { nextOpening, type Opening, openAt } from './windows.ts';

/** A decision with what it was taken from. */
export interface UpdateDecision extends Decision {
  deviceId: bigint;
  appId: bigint;
  availability: AvailabilityRow | null;
  policy: PolicyRow | null;
  /** Policies that hold too and were passed over, in order. */
  passedOver: readonly PolicyRow[];
  zone: string;
  nextWindow: Opening | null;
  openWindow: Opening | null;
  attempt: UpdateFacts['attempt'];
}

interface Known {
  family: string;
  osVersion: string | null;
  ownZone: string;
  deviceZone: string | null;
  enrollment: UpdateFacts['enrollment'];
  licensed: boolean;
  attempt: UpdateFacts['attempt'];
  item: UpdateFacts['item'];
  operation: UpdateFacts['operation'];
  rollout: UpdateFacts['rollout'];
  storeReadAt: Date | null;
}

/** Why an app is or is not updated on a device, as of `now`. Throws NOT_FOUND, as `explain` does. */
export async function readUpdateDecision(
  reader: Rows,
  organizationId: bigint,
  { deviceId, appId, now }: { deviceId: bigint; appId: bigint; now: Date },
): Promise<UpdateDecision> {
  const policies = await readPoliciesFor(reader, organizationId, deviceId, appId);
  const policy = policies[0] ?? null;
  const [availability = null] = await reader.rows<AvailabilityRow>(sql`
    SELECT ${availabilityColumns} FROM app_availability a WHERE a.organization_id = ${organizationId} AND a.device_id = ${deviceId} AND a.app_id = ${appId}`);
  const [known] = await reader.rows<Known>(
    knownOf({
      organizationId,
      deviceId,
      appId,
      storefront: availability?.storefront ?? null,
      target: availability?.targetVersion ?? null,
      policyId: policy?.id ?? null,
    }),
  );
  if (!known) throw await missing(reader, organizationId, { deviceId, appId });
  const zone =
    policy?.zone === 'DEVICE' && known.deviceZone && isTimeZone(known.deviceZone) ? known.deviceZone : known.ownZone;
  const open = policy?.mode === 'SCHEDULED' ? openAt(policy.windows, zone, now) : null;
  const next = policy?.mode === 'SCHEDULED' ? nextOpening(policy.windows, zone, now) : null;
  const facts: UpdateFacts = { ...revived(known), now, availability, policies, zone, open, next };
  return {
    ...decide(facts),
    deviceId,
    appId,
    availability,
    policy,
    passedOver: policies.slice(1),
    zone,
    nextWindow: next,
    openWindow: open,
    attempt: facts.attempt,
  };
}

async function missing(reader: Rows, organizationId: bigint, pair: { deviceId: bigint; appId: bigint }) {
  const [device] = await reader.rows(sql`
    SELECT 1 AS one FROM device WHERE organization_id = ${organizationId} AND id = ${pair.deviceId}`);
  return device
    ? new NotFoundError('app', [String(pair.appId)], ['appId'])
    : new NotFoundError('device', [String(pair.deviceId)], ['deviceId']);
}

interface Asked {
  organizationId: bigint;
  deviceId: bigint;
  appId: bigint;
  storefront: string | null;
  target: string | null;
  policyId: bigint | null;
}

function knownOf({ organizationId, deviceId, appId, storefront, target, policyId }: Asked): Sql {
  const pair = (t: Sql) =>
    sql`${t}.organization_id = ${organizationId} AND ${t}.device_id = ${deviceId} AND ${t}.app_id = ${appId}`;
  return sql`
    SELECT d.family::text AS family, d.os_version AS "osVersion", o.time_zone AS "ownZone", e.time_zone AS "deviceZone",
      CASE WHEN e.id IS NOT NULL THEN json_build_object('state', e.state, 'lastSeenAt', e.last_seen_at, 'listedAt', e.listed_at) END AS enrollment,
      (SELECT ${isLicensed} FROM (SELECT d.organization_id, d.id AS device_id, p.id AS app_id) a) AS licensed,
      (SELECT min(m.fetched_at) FROM app_metadata m WHERE m.organization_id = ${organizationId} AND m.app_id = ${appId} AND m.storefront = ${storefront}) AS "storeReadAt",
      (SELECT json_build_object('attempts', t.attempts, 'outcome', t.outcome, 'cause', t.cause, 'lastAt', t.last_at, 'nextAt', t.next_at, 'stuckAt', t.stuck_at)
        FROM update_attempt t WHERE ${pair(sql`t`)} AND t.target_version = ${target}) AS attempt,
      (SELECT json_build_object('state', i.state, 'ring', i.ring, 'dueAt', i.due_at, 'askedAt', i.asked_at, 'answeredAt', i.answered_at,
          'closesAt', u.closes_at, 'lastStartAt', ${lastStart}, 'busyWith', (SELECT s.app_id::text FROM update_item s WHERE ${sentBeside} AND s.id <> i.id LIMIT 1))
        FROM update_item i JOIN update_run u ON u.organization_id = i.organization_id AND u.task_id = i.task_id WHERE ${pair(sql`i`)} AND i.ended_at IS NULL) AS item,
      (SELECT json_build_object('kind', c.kind, 'state', c.state, 'cause', c.cause)
        FROM app_operation c WHERE ${pair(sql`c`)} AND c.ended_at IS NULL) AS operation,
      (SELECT json_build_object('ring', r.ring, 'ringSince', r.ring_since, 'pausedAt', r.paused_at, 'pauseCause', r.pause_cause)
        FROM update_rollout r WHERE r.organization_id = ${organizationId} AND r.policy_id = ${policyId} AND r.app_id = ${appId} AND r.target_version = ${target}) AS rollout
    FROM device d JOIN organization o ON o.id = d.organization_id
    JOIN app p ON p.organization_id = d.organization_id AND p.id = ${appId}
    LEFT JOIN LATERAL (SELECT * FROM enrollment e WHERE e.organization_id = d.organization_id AND e.device_id = d.id ORDER BY e.state = 'GONE', e.id DESC LIMIT 1) e ON true
    WHERE d.organization_id = ${organizationId} AND d.id = ${deviceId}`;
}

/** Moments come out of JSON as texts. */
function revived(known: Known): Omit<Known, 'ownZone' | 'deviceZone'> {
  const { ownZone: _own, deviceZone: _device, ...rest } = known;
  return JSON.parse(JSON.stringify(rest), (key, value) =>
    /(At|Since)$/.test(key) && typeof value === 'string' ? new Date(value) : value,
  ) as Omit<Known, 'ownZone' | 'deviceZone'>;
}
