import { z } from 'zod';
import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { InvalidInputError, NotFoundError } from '../errors.ts';
import { startAssociation } from '../license/associate.ts';
import { parseInput } from '../parse.ts';

/**
 * Gives the devices that lost a license by a run one again, where there is a seat: a task for each app, whose failed items
 * say who could not get it back and why. Throws NOT_FOUND, and INVALID_INPUT for a run that took nothing or was undone.
 */
export async function undoReclaimRun(context: Context, rawInput: { runId: bigint }): Promise<bigint> {
  requireRight(context, 'licenses:write');
  const { runId } = parseInput(z.object({ runId: z.bigint() }), rawInput);
  const { organizationId } = context.actor;
  await transaction(context, async (tx) => {
    const losses = await lossesOf(context, tx, runId);
    const taskIds: bigint[] = [];
    for (const { appId, deviceIds } of losses) {
      const target = { deviceIds: deviceIds.map(BigInt) };
      taskIds.push(await startAssociation(context, tx, { appIds: [appId], target, onError: 'SKIP_FAILED' }));
    }
    await tx.$executeRaw(sql`
      UPDATE reclaim_run SET undone_at = ${moment(context.clock.now())}, undo_task_ids = ${ids(taskIds)}
      WHERE organization_id = ${organizationId} AND id = ${runId}`);
    await recordAudit(context, tx, { action: 'reclaim-run.undo', subject: `reclaim-run:${runId}`, data: { taskIds } });
  });
  return runId;
}

async function lossesOf(context: Context, tx: Tx, runId: bigint): Promise<{ appId: bigint; deviceIds: string[] }[]> {
  const { organizationId } = context.actor;
  const [run] = await tx.$queryRaw<{ undoneAt: Date | null; taken: number }[]>(sql`
    SELECT undone_at AS "undoneAt", taken FROM reclaim_run WHERE organization_id = ${organizationId} AND id = ${runId} FOR NO KEY UPDATE`);
  if (!run) throw new NotFoundError('reclaimRun', [String(runId)], ['runId']);
  if (run.undoneAt || run.taken === 0) {
    const message = run.undoneAt ? 'was undone already' : 'took nothing back';
    throw new InvalidInputError([{ path: ['runId'], message }]);
  }
  return tx.$queryRaw(sql`
    SELECT l.app_id AS "appId", array_agg(l.device_id::text ORDER BY l.device_id) AS "deviceIds" FROM reclaim_run r
    JOIN license l ON l.organization_id = r.organization_id AND l.revoke_task_id = ANY (r.task_ids) AND l.device_id IS NOT NULL
    JOIN device d ON d.organization_id = l.organization_id AND d.id = l.device_id AND d.removed_at IS NULL
    WHERE r.organization_id = ${organizationId} AND r.id = ${runId} GROUP BY 1 ORDER BY 1`);
}
