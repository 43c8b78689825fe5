import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { forgetRefusals } from '../deployment/forget-refusals.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { startAssociation } from '../license/associate.ts';
import { parseInput } from '../parse.ts';
import { lockRun } from './rule.ts';

/**
 * Gives the devices that lost a license by a run one again, where there is a seat: a task for each app, whose failed items
 * say who could not get it back and why. Each app is a transaction of its own, and called again it goes on where it was cut
 * off. Throws NOT_FOUND, and INVALID_INPUT for a run that took nothing, was undone, or is still taking back.
 */
export async function undoReclaimRun(context: Context, rawInput: { runId: bigint }): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { runId } = parseInput(z.object({ runId: z.bigint() }), rawInput);
  const losses = await transaction(context, async (tx) => {
    await requireUndoable(context, tx, runId);
    return lossesOf(context, tx, runId);
  });
  for (const { appId } of losses) await giveBack(context, runId, appId);
  await transaction(context, async (tx) => {
    const undone = await tx.$executeRaw(sql`
      UPDATE reclaim_run SET undone_at = ${moment(context.clock.now())}
      WHERE organization_id = ${context.actor.organizationId} AND id = ${runId} AND undone_at IS NULL`);
    if (undone > 0)
      await recordAudit(context, tx, { action: 'reclaim-run.undo', subject: `reclaim-run:${runId}`, data: {} });
  });
  return runId;
}

interface Loss {
  appId: bigint;
  deviceIds: string[];
}

async function requireUndoable(context: Context, tx: Tx, runId: bigint): Promise<void> {
  const { organizationId } = context.actor;
  const [run] = await tx.$queryRaw<{ undoneAt: Date | null; taken: number; open: boolean }[]>(sql`
    SELECT r.undone_at AS "undoneAt", r.taken, EXISTS (SELECT 1 FROM task t WHERE t.organization_id = r.organization_id
      AND t.id = ANY (r.task_ids) AND t.finished_at IS NULL) AS open
    FROM reclaim_run r WHERE r.organization_id = ${organizationId} AND r.id = ${runId}`);
  if (!run) throw new NotFoundError('reclaimRun', [String(runId)], ['runId']);
  const message = run.undoneAt
    ? 'was undone already'
    : run.taken === 0
      ? 'took nothing back'
      : run.open
        ? 'is still taking licenses back: cancel its tasks or wait for their end, then undo it'
        : null;
  if (message) throw new InvalidInputError([{ path: ['runId'], message }]);
}

/** The apps that still have to be given again. */
function lossesOf(context: Context, tx: Tx, runId: bigint): Promise<Loss[]> {
  const { organizationId } = context.actor;
  return tx.$queryRaw(sql`
    SELECT l.app_id AS "appId", array_agg(l.device_id::text ORDER BY l.device_id) AS "deviceIds" FROM reclaim_run r
    JOIN license l ON l.organization_id = r.organization_id AND l.revoke_task_id = ANY (r.task_ids) AND l.device_id IS NOT NULL AND l.ended_at IS NOT NULL
    JOIN device d ON d.organization_id = l.organization_id AND d.id = l.device_id AND d.removed_at IS NULL
    WHERE r.organization_id = ${organizationId} AND r.id = ${runId}
      AND NOT EXISTS (SELECT 1 FROM task u WHERE u.organization_id = r.organization_id AND u.id = ANY (r.undo_task_ids) AND u.request -> 'appIds' ->> 0 = l.app_id::text)
    GROUP BY 1 ORDER BY 1`);
}

/** Gives an app again, under the run's lock: whoever undoes the run at the same time finds that it was given. */
function giveBack(context: Context, runId: bigint, appId: bigint): Promise<void> {
  const { organizationId } = context.actor;
  return transaction(context, async (tx) => {
    await lockRun(tx, organizationId, runId);
    const loss = (await lossesOf(context, tx, runId)).find((one) => one.appId === appId);
    if (!loss) return;
    const target = { deviceIds: loss.deviceIds.map(BigInt) };
    const taskId = await startAssociation(context, tx, { appIds: [appId], target, onError: 'SKIP_FAILED' });
    await tx.$executeRaw(sql`
      UPDATE reclaim_run SET undo_task_ids = undo_task_ids || ${ids([taskId])} WHERE organization_id = ${organizationId} AND id = ${runId}`);
    await forgetRefusals(tx, organizationId, appId, target.deviceIds);
  });
}
