import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { addProgress, setRunning } from '../task/change.ts';
import { startTask } from '../task/start.ts';
import type { OpenPolicy } from './openings.ts';
import { fillRuns, type Scope, type TakingRun } from './plan.ts';
import type { Zones } from './zones.ts';

/** Starts a run for each policy that is open and has something to update, or adds to the one that goes on. */
export async function openRuns(
  context: Context,
  tx: Tx,
  work: { open: readonly OpenPolicy[]; scope: Scope; zones: Zones },
): Promise<void> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const news = work.scope.all || work.scope.appIds.length > 0 || work.scope.deviceIds.length > 0;
  const concerned = work.open.filter((one) => news || one.fresh);
  if (concerned.length === 0) return;
  const runs: (TakingRun & { isNew: boolean })[] = [];
  for (const one of concerned) runs.push(...(await runOf(context, tx, one)));
  const taken = await fillRuns(tx, organizationId, { ...work, runs, now });
  for (const { taskId, isNew } of runs) {
    const count = taken.get(taskId) ?? 0;
    if (count > 0) await addProgress(tx, { organizationId, taskId }, { requested: count });
    if (isNew && count > 0) await setRunning(tx, { organizationId, taskId }, 'updating', now);
  }
  // Nobody has seen the others: there is nothing to be told of a window in which nothing is to be updated.
  const idle = runs.filter(({ taskId, isNew }) => isNew && !taken.has(taskId)).map(({ taskId }) => taskId);
  if (idle.length === 0) return;
  await tx.$executeRaw(
    sql`DELETE FROM update_run WHERE organization_id = ${organizationId} AND task_id = ANY (${ids(idle)})`,
  );
  await tx.$executeRaw(sql`DELETE FROM task WHERE organization_id = ${organizationId} AND id = ANY (${ids(idle)})`);
}

/** The run of an opening: a new one, the one that goes on, or none when it is over. */
async function runOf(
  context: Context,
  tx: Tx,
  { policy, zone, opensAt, closesAt, hardStop, fresh }: OpenPolicy,
): Promise<(TakingRun & { isNew: boolean })[]> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const same =
    policy.mode === 'IMMEDIATELY'
      ? sql`u.ended_at IS NULL AND u.closes_at > ${moment(now)}`
      : sql`u.zone = ${zone} AND u.opens_at = ${moment(opensAt)}`;
  const [known] = await tx.$queryRaw<{ taskId: bigint; zone: string; opensAt: Date; over: boolean }[]>(sql`
    SELECT u.task_id AS "taskId", u.zone, u.opens_at AS "opensAt", u.ended_at IS NOT NULL OR t.cancel_requested_at IS NOT NULL AS over
    FROM update_run u JOIN task t ON t.organization_id = u.organization_id AND t.id = u.task_id
    WHERE u.organization_id = ${organizationId} AND u.policy_id = ${policy.id} AND ${same} ORDER BY u.task_id DESC LIMIT 1`);
  if (known)
    return known.over
      ? []
      : [
          {
            taskId: known.taskId,
            policyId: policy.id,
            zone: known.zone,
            opensAt: known.opensAt,
            fresh: false,
            isNew: false,
          },
        ];
  const taskId = await startTask(context, tx, { kind: 'UPDATE', requested: 0, tokenIds: [] });
  await tx.$executeRaw(sql`
    INSERT INTO update_run (organization_id, task_id, policy_id, zone, opens_at, closes_at, hard_stop)
    SELECT ${organizationId}, ${taskId}, ${policy.id}, ${zone},
      -- A clock that was set back comes by the same moment twice.
      coalesce(max(o.opens_at) + interval '1 millisecond', ${moment(opensAt)}), ${moment(closesAt)}, ${hardStop}
    FROM update_run o WHERE o.organization_id = ${organizationId} AND o.policy_id = ${policy.id} AND o.zone = ${zone} AND o.opens_at >= ${moment(opensAt)}`);
  return [{ taskId, policyId: policy.id, zone, opensAt, fresh, isNew: true }];
}
