import { sql, type Tx } from '../../db/transaction.ts';
import type { TokenKey } from '../token/gate.ts';
import { lockTasks } from './settle.ts';

/** Locks the unfinished tasks that are tied to a token which is going away, and gives their ids. */
export async function lockTasksOfToken(tx: Tx, token: TokenKey): Promise<{ id: bigint; kind: string }[]> {
  const tasks = await tx.$queryRaw<{ id: bigint; kind: string }[]>(sql`
    SELECT t.id, t.kind::text AS kind FROM task_token k JOIN task t ON t.organization_id = k.organization_id AND t.id = k.task_id
    WHERE k.organization_id = ${token.organizationId} AND k.token_id = ${token.tokenId} AND t.state IN ('QUEUED', 'RUNNING', 'WAITING')
    ORDER BY t.id`);
  await lockTasks(
    tx,
    token.organizationId,
    tasks.map((task) => task.id),
  );
  return tasks;
}
