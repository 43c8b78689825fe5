import { enqueue } from '../../db/enqueue.ts';
import { sql, type Tx } from '../../db/transaction.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import type { TokenHoldings } from '../errors.ts';
import { announceTask, startTask } from '../task/start.ts';

/** Starts the task that gives everything back; from now on the token gives no new licenses. Under the organization's lock. */
export async function startRelease(
  context: Context,
  tx: Tx,
  token: { organizationId: bigint; id: bigint },
  holdings: TokenHoldings,
): Promise<bigint> {
  const { organizationId, id: tokenId } = token;
  const taskId = await startTask(context, tx, {
    kind: 'REMOVE_TOKEN',
    requested: Number(holdings.total - holdings.irrevocable),
    tokenIds: [tokenId],
    dueAt: context.clock.now(),
  });
  await tx.$executeRaw(sql`
    UPDATE token SET removal_task_id = ${taskId} WHERE organization_id = ${organizationId} AND id = ${tokenId}`);
  await recordAudit(context, tx, {
    action: 'token.remove',
    subject: `token:${tokenId}`,
    taskId,
    data: { releaseLicenses: true, ...holdings },
  });
  await enqueue(tx, {
    name: 'remove-token',
    payload: { organizationId: String(organizationId), taskId: String(taskId) },
    key: `task:${organizationId}:${taskId}`,
  });
  await announceTask(context, tx, taskId);
  return taskId;
}
