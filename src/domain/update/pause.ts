import { z } from 'zod';
import { ids, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';
import { maxIds } from '../license/limits.ts';
import { parseInput } from '../parse.ts';
import { recallUnsent } from './recall.ts';
import { pauseRollout } from './rollouts.ts';
import { wakeAllUpdates } from './wake.ts';

interface RolloutInput {
  rolloutId: bigint;
}

/** Sends no more updates to this version; what devices have goes on. One that is paused stays so. Throws NOT_FOUND. */
export async function pauseUpdates(context: Context, { rolloutId }: RolloutInput): Promise<bigint> {
  requireRight(context, 'updates:write');
  await transaction(context, async (tx) => {
    const { paused, ended, wrong } = await lockRollout(context, tx, rolloutId);
    if (paused) return;
    const message = 'Somebody paused it. Nothing more is sent until it is resumed.';
    await pauseRollout(context, tx, rolloutId, { code: 'REQUESTED', message, ended, wrong });
    await recallUnsent(context, tx);
  });
  return rolloutId;
}

/** Goes on with a version; what became of it is counted anew, so that the old failures do not stop it again. Throws NOT_FOUND. */
export async function resumeUpdates(context: Context, { rolloutId }: RolloutInput): Promise<bigint> {
  requireRight(context, 'updates:write');
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    const { paused } = await lockRollout(context, tx, rolloutId);
    if (!paused) return;
    await tx.$executeRaw(sql`
      UPDATE update_rollout SET paused_at = NULL, pause_cause = NULL, updated = 0, unchanged = 0, failed = 0, timed_out = 0
      WHERE organization_id = ${organizationId} AND id = ${rolloutId}`);
    await wakeAllUpdates(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, { action: 'update.resume', subject: `update-rollout:${rolloutId}` });
  });
  return rolloutId;
}

const retryInput = z.object({ appId: z.bigint(), deviceIds: z.array(z.bigint()).max(maxIds).nullish() });

/**
 * Forgets how often an app was tried in vain: devices that were STUCK are tried anew. All devices when none is named. Throws
 * NOT_FOUND, INVALID_INPUT.
 */
export async function retryStuckUpdates(context: Context, rawInput: z.input<typeof retryInput>): Promise<number> {
  requireRight(context, 'updates:write');
  const { appId, deviceIds } = parseInput(retryInput, rawInput);
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    if ((await tx.app.count({ where: { organizationId, id: appId } })) === 0)
      throw new NotFoundError('app', [String(appId)], ['appId']);
    await lockSchedule(tx, organizationId);
    const only = deviceIds == null ? sql`true` : sql`device_id = ANY (${ids(deviceIds)})`;
    const count = await tx.$executeRaw(sql`
      UPDATE update_attempt SET attempts = 0, next_at = NULL, stuck_at = NULL
      WHERE organization_id = ${organizationId} AND app_id = ${appId} AND stuck_at IS NOT NULL AND ${only}`);
    if (count > 0) await wakeAllUpdates(tx, organizationId, context.clock.now());
    await recordAudit(context, tx, { action: 'update.retry', subject: `app:${appId}`, data: { devices: count } });
    return count;
  });
}

/** Not while runs are planned. */
async function lockSchedule(tx: Tx, organizationId: bigint): Promise<void> {
  await tx.$queryRaw(sql`SELECT 1 FROM update_schedule WHERE organization_id = ${organizationId} FOR UPDATE`);
}

async function lockRollout(
  context: Context,
  tx: Tx,
  rolloutId: bigint,
): Promise<{ paused: boolean; ended: number; wrong: number }> {
  const { organizationId } = context.actor;
  await lockSchedule(tx, organizationId);
  const [row] = await tx.$queryRaw<{ pausedAt: Date | null; updated: number; wrong: number }[]>(sql`
    SELECT paused_at AS "pausedAt", updated, unchanged + failed + timed_out AS wrong FROM update_rollout
    WHERE organization_id = ${organizationId} AND id = ${rolloutId} FOR UPDATE`);
  if (!row) throw new NotFoundError('updateRollout', [String(rolloutId)], ['rolloutId']);
  return { paused: row.pausedAt !== null, ended: row.updated + row.wrong, wrong: row.wrong };
}
