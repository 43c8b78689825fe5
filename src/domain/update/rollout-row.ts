/** Versions on their way, as they are read. @module */
import type { Rows } from '../../db/rows.ts';
import { shape } from '../../db/shape.ts';
import { ids, sql } from '../../db/transaction.ts';
import { type IdWindow, idOrder, idWindow, inOrder } from '../id-window.ts';
import type { PauseCause } from './rollouts.ts';

/** One version of an app under one policy. */
export interface RolloutRow {
  id: bigint;
  policyId: bigint;
  appId: bigint;
  targetVersion: string;
  ring: number;
  ringSince: Date | null;
  updated: number;
  unchanged: number;
  failed: number;
  timedOut: number;
  pausedAt: Date | null;
  pauseCause: PauseCause | null;
  createdAt: Date;
}

const rolloutShape = shape<RolloutRow>({
  fields: {
    id: 'r.id',
    policyId: 'r.policy_id',
    appId: 'r.app_id',
    targetVersion: 'r.target_version',
    ring: 'r.ring',
    ringSince: 'r.ring_since',
    updated: 'r.updated',
    unchanged: 'r.unchanged',
    failed: 'r.failed',
    timedOut: 'r.timed_out',
    pausedAt: 'r.paused_at',
    pauseCause: 'r.pause_cause',
    createdAt: 'r.created_at',
  },
  bigints: ['id', 'policyId', 'appId'],
  moments: ['ringSince', 'pausedAt', 'createdAt'],
});

/** Which versions. */
export interface RolloutFilter {
  organizationId: bigint;
  appId: bigint | null;
  /** Only paused ones, or only the others. */
  paused: boolean | null;
}

const matching = ({ organizationId, appId, paused }: RolloutFilter) => sql`r.organization_id = ${organizationId}
  ${appId === null ? sql`` : sql`AND r.app_id = ${appId}`} ${paused === null ? sql`` : sql`AND (r.paused_at IS NOT NULL) = ${paused}`}`;

/** A page of them, oldest first. */
export async function listRollouts(reader: Rows, filter: RolloutFilter, window: IdWindow): Promise<RolloutRow[]> {
  const rows = await reader.rows<RolloutRow>(sql`
    SELECT ${rolloutShape.columns} FROM update_rollout r WHERE ${matching(filter)} ${idWindow(window, sql`r.id`)} ${idOrder(window, sql`r.id`)}`);
  return inOrder(rows, window);
}

/** How many there are. */
export async function countRollouts(reader: Rows, filter: RolloutFilter): Promise<bigint> {
  const [row] = await reader.rows<{ count: bigint }>(
    sql`SELECT count(*) AS count FROM update_rollout r WHERE ${matching(filter)}`,
  );
  return row!.count;
}

/** The versions with these ids, in no order. */
export function readRollouts(
  reader: Rows,
  organizationId: bigint,
  rolloutIds: readonly bigint[],
): Promise<RolloutRow[]> {
  return reader.rows<RolloutRow>(sql`
    SELECT ${rolloutShape.columns} FROM update_rollout r WHERE r.organization_id = ${organizationId} AND r.id = ANY (${ids(rolloutIds)})`);
}
