/** Update policies as they are stored and chosen. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, type Sql, sql } from '../../db/transaction.ts';
import { inGroup, isListed } from '../device-group/rule.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import type { UpdateWindow } from './windows.ts';

/** When apps are updated. */
export type UpdateMode = 'IMMEDIATELY' | 'SCHEDULED' | 'NEVER';

/** Who gets a version before the others: a share of the devices, or a group. */
export interface UpdateRing {
  /** Of all devices, in percent; each share holds those of the smaller ones before it. */
  percent?: number;
  groupId?: string;
  /** How long the next ring waits after the first update of this one has ended. */
  soakHours: number;
}

/** One policy. */
export interface PolicyRow {
  id: bigint;
  appId: bigint | null;
  groupId: bigint | null;
  position: number;
  mode: UpdateMode;
  zone: 'ORGANIZATION' | 'DEVICE';
  windows: UpdateWindow[];
  rings: UpdateRing[];
  maxInFlight: number;
  jitterMinutes: number;
  pauseAtPercent: number | null;
  pauseAfter: number;
  maxAttempts: number;
  createdAt: Date;
  updatedAt: Date;
}

/** What a policy is when nothing else is said; the cap of an organization without a policy for all. */
export const policyDefaults = { maxInFlight: 50, maxAttempts: 3, pauseAtPercent: 20, pauseAfter: 20 } as const;

/** Reads table `p`. */
export const policyShape = shape<PolicyRow>({
  fields: {
    id: 'p.id',
    appId: 'p.app_id',
    groupId: 'p.group_id',
    position: 'p.position',
    mode: 'p.mode',
    zone: 'p.zone',
    windows: 'p.windows',
    rings: 'p.rings',
    maxInFlight: 'p.max_in_flight',
    jitterMinutes: 'p.jitter_minutes',
    pauseAtPercent: 'p.pause_at_percent',
    pauseAfter: 'p.pause_after',
    maxAttempts: 'p.max_attempts',
    createdAt: 'p.created_at',
    updatedAt: 'p.updated_at',
  },
  bigints: ['id', 'appId', 'groupId'],
  moments: ['createdAt', 'updatedAt'],
});

/** Which policy comes first: that of an app in a group, of an app, of a group, of the organization; of groups by position. */
export const byPrecedence: Sql = sql`CASE WHEN p.app_id IS NOT NULL AND p.group_id IS NOT NULL THEN 0 WHEN p.app_id IS NOT NULL THEN 1
  WHEN p.group_id IS NOT NULL THEN 2 ELSE 3 END, p.position, p.id`;

/** Every policy that holds for device `d` and an app, as a FROM and WHERE of table `p`. */
export function policiesFor(appId: Sql): Sql {
  return sql`update_policy p LEFT JOIN device_group g ON g.organization_id = p.organization_id AND g.id = p.group_id
    WHERE p.organization_id = d.organization_id AND (p.app_id IS NULL OR p.app_id = ${appId})
      AND (p.group_id IS NULL OR (${isListed} AND ${inGroup}))`;
}

/** All policies of an organization, in the order of their precedence. */
export function readPolicies(reader: Rows, organizationId: bigint): Promise<PolicyRow[]> {
  return reader.rows<PolicyRow>(sql`
    SELECT ${policyShape.columns} FROM update_policy p WHERE p.organization_id = ${organizationId} ORDER BY ${byPrecedence}`);
}

/** A page of the policies, oldest first. */
export async function listPolicies(reader: Rows, organizationId: bigint, window: IdWindow): Promise<PolicyRow[]> {
  const rows = await reader.rows<PolicyRow>(sql`
    SELECT ${policyShape.columns} FROM update_policy p WHERE p.organization_id = ${organizationId} ${idWindow(window, sql`p.id`)} ${idOrder(window, sql`p.id`)}`);
  return inOrder(rows, window);
}

/** How many policies there are. */
export async function countPolicies(reader: Rows, organizationId: bigint): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM update_policy p WHERE p.organization_id = ${organizationId}`,
  );
  return row!.count;
}

/** The policies that hold for an app on a device; the first one applies. */
export function readPoliciesFor(
  reader: Rows,
  organizationId: bigint,
  deviceId: bigint,
  appId: bigint,
): Promise<PolicyRow[]> {
  return reader.rows<PolicyRow>(sql`
    SELECT chosen.* FROM device d CROSS JOIN LATERAL (
      SELECT ${policyShape.columns} FROM ${policiesFor(sql`${appId}::bigint`)} ORDER BY ${byPrecedence}
    ) chosen WHERE d.organization_id = ${organizationId} AND d.id = ${deviceId}`);
}

/** The policies with these ids, in no order. */
export function readPoliciesByIds(
  reader: Rows,
  organizationId: bigint,
  policyIds: readonly bigint[],
): Promise<PolicyRow[]> {
  return reader.rows<PolicyRow>(sql`
    SELECT ${policyShape.columns} FROM update_policy p WHERE p.organization_id = ${organizationId} AND p.id = ANY (${ids(policyIds)})`);
}
