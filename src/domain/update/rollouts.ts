/** Rings and the brake: how far a version has come, and whether it goes on. @module */
import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';

/** Why a version is paused. */
export interface PauseCause {
  code: 'FAILURE_RATE' | 'REQUESTED';
  message: string;
  /** How many updates had ended, and how many of them without the new version. */
  ended: number;
  wrong: number;
}

interface Counted {
  id: bigint;
  percent: number;
  ended: number;
  wrong: number;
}

/** Pauses versions of which too many updates went wrong. What is on the way goes on; nothing more is sent. */
export async function brakeRollouts(context: Context, tx: Tx): Promise<void> {
  const { organizationId } = context.actor;
  const bad = await tx.$queryRaw<Counted[]>(sql`
    SELECT r.id, p.pause_at_percent AS percent, c.ended, c.wrong FROM update_rollout r
    JOIN update_policy p ON p.organization_id = r.organization_id AND p.id = r.policy_id
    CROSS JOIN LATERAL (SELECT r.updated + r.unchanged + r.failed + r.timed_out AS ended, r.unchanged + r.failed + r.timed_out AS wrong) c
    WHERE r.organization_id = ${organizationId} AND r.paused_at IS NULL AND c.ended >= p.pause_after AND c.wrong * 100 >= p.pause_at_percent * c.ended
    ORDER BY r.id`);
  for (const { id, percent, ended, wrong } of bad) {
    const message = `${wrong} of ${ended} updates to this version did not bring it; the policy stops at ${percent} %. Nothing more is sent until somebody resumes it.`;
    await pauseRollout(context, tx, id, { code: 'FAILURE_RATE', message, ended, wrong });
  }
}

/** Pauses one version and writes down why. */
export async function pauseRollout(context: Context, tx: Tx, rolloutId: bigint, cause: PauseCause): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE update_rollout SET paused_at = ${moment(context.clock.now())}, pause_cause = ${json(cause)}
    WHERE organization_id = ${context.actor.organizationId} AND id = ${rolloutId}`);
  await recordAudit(context, tx, {
    action: 'update.pause',
    subject: `update-rollout:${rolloutId}`,
    data: { ...cause },
  });
}

/**
 * Opens the next rings of versions that have updates waiting: when the ring before has soaked, which begins when its first
 * update ends, or when it has nobody who could.
 */
export async function openRings(context: Context, tx: Tx): Promise<void> {
  const { organizationId } = context.actor;
  const soaked = sql`r.ring_since + interval '1 hour' * (p.rings -> r.ring::int ->> 'soakHours')::int <= ${moment(context.clock.now())}`;
  const nobody = sql`r.ring_since IS NULL AND NOT EXISTS (SELECT 1 FROM update_item i WHERE i.organization_id = r.organization_id
    AND i.rollout_id = r.id AND i.ring <= r.ring AND i.ended_at IS NULL)`;
  for (let moved = 1; moved > 0; )
    moved = await tx.$executeRaw(sql`
      UPDATE update_rollout r SET ring = r.ring + 1, ring_since = NULL FROM update_policy p
      WHERE r.organization_id = ${organizationId} AND p.organization_id = r.organization_id AND p.id = r.policy_id AND r.paused_at IS NULL
        AND r.ring < jsonb_array_length(p.rings) AND (${soaked} OR (${nobody}))
        AND EXISTS (SELECT 1 FROM update_item i WHERE i.organization_id = r.organization_id AND i.rollout_id = r.id AND i.ended_at IS NULL)`);
}
