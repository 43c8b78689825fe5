import { sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { devicePhases, deviceTasks } from '../task/at-devices.ts';
import { setRunning } from '../task/change.ts';
import { lockTasks } from '../task/settle.ts';

/** Tasks whose first command was made run from now on, and tell it. Apart from the commands: tasks are locked before those. */
export async function noteBegun(context: Context, organizationId: bigint): Promise<void> {
  const begun = await context.prisma.$queryRaw<{ id: bigint; kind: keyof typeof devicePhases }[]>(sql`
    SELECT t.id, t.kind::text AS kind FROM task t
    WHERE t.organization_id = ${organizationId} AND t.kind::text = ANY (${deviceTasks}) AND t.state = 'QUEUED' AND EXISTS (
      SELECT 1 FROM app_operation o WHERE o.organization_id = t.organization_id AND o.task_id = t.id AND o.attempts > 0)
    ORDER BY t.id LIMIT 1000`);
  if (begun.length === 0) return;
  await transaction(context, async (tx) => {
    await lockTasks(
      tx,
      organizationId,
      begun.map((task) => task.id),
    );
    const now = context.clock.now();
    for (const { id, kind } of begun) await setRunning(tx, { organizationId, taskId: id }, devicePhases[kind], now);
  });
}
