/** What tasks of operations are at, as they show it. Apart from commands: tasks are locked before those. @module */
import { ids, type Sql, sql, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { devicePhases, deviceTasks } from '../task/at-devices.ts';
import { setRunning, setWaiting } from '../task/change.ts';
import { lockTasks } from '../task/settle.ts';

/** Operation `o` has nothing but a request for a license that waits for a free one. */
const inQueue: Sql = sql`o.ended_at IS NULL AND o.state = 'WAITING_FOR_LICENSE' AND o.license_id IS NULL`;
const ofTask: Sql = sql`o.organization_id = t.organization_id AND o.task_id = t.id`;
/** Task `t` has something else to do than to wait for free licenses. */
const isBusy: Sql = sql`EXISTS (SELECT 1 FROM app_operation o WHERE ${ofTask} AND NOT o.settled AND NOT (${inQueue}))`;

/** What operation `o` waits for in the queue. */
const itsWait: Sql = sql`license_wait w ON w.organization_id = o.organization_id AND w.task_id = o.licenses_of AND w.app_id = o.app_id AND w.device_id = o.device_id`;

/** Whether task `t` waits for nothing but free licenses, and does not say so. */
export const waitsUnsaid: Sql = sql`t.kind = 'INSTALL' AND t.finished_at IS NULL AND t.state IN ('QUEUED', 'RUNNING')
  AND NOT EXISTS (SELECT 1 FROM task a WHERE a.organization_id = t.organization_id AND a.id = (t.request ->> 'licensesOf')::bigint
    AND NOT a.reserved_all AND a.finished_at IS NULL)
  AND EXISTS (SELECT 1 FROM app_operation o JOIN ${itsWait} WHERE ${ofTask} AND ${inQueue}) AND NOT ${isBusy}`;

/** Whether task `t` says that it waits for licenses, and has some. */
export const waitedEnough: Sql = sql`t.kind = 'INSTALL' AND t.finished_at IS NULL AND t.state = 'WAITING' AND t.waits_for = 'LICENSES' AND ${isBusy}`;

/** Tasks whose first command was made, or that waited for licenses and have some, run from now on, and tell it. */
export async function noteBegun(context: Context, organizationId: bigint): Promise<void> {
  const begun = await context.prisma.$queryRaw<{ id: bigint; kind: keyof typeof devicePhases }[]>(sql`
    SELECT t.id, t.kind::text AS kind FROM task t
    WHERE t.organization_id = ${organizationId} AND ((${waitedEnough}) OR (t.kind::text = ANY (${deviceTasks}) AND t.state = 'QUEUED'
      AND EXISTS (SELECT 1 FROM app_operation o WHERE ${ofTask} AND o.attempts > 0)))
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

/** Installs that do nothing but wait for free licenses say so, and until when at most. */
export async function noteWaiting(context: Context, organizationId: bigint): Promise<void> {
  const idle = await context.prisma.$queryRaw<{ id: bigint }[]>(sql`
    SELECT t.id FROM task t WHERE t.organization_id = ${organizationId} AND ${waitsUnsaid} ORDER BY t.id LIMIT 1000`);
  if (idle.length === 0) return;
  await transaction(context, async (tx) => {
    const taskIds = idle.map((task) => task.id);
    await lockTasks(tx, organizationId, taskIds);
    const waiting = await tx.$queryRaw<{ id: bigint; until: Date }[]>(sql`
      SELECT t.id, max(w.expires_at) AS until FROM task t JOIN app_operation o ON ${ofTask} AND ${inQueue} JOIN ${itsWait}
      WHERE t.organization_id = ${organizationId} AND t.id = ANY (${ids(taskIds)}) AND NOT ${isBusy} GROUP BY t.id ORDER BY t.id`);
    const now = context.clock.now();
    for (const { id, until } of waiting) await setWaiting(tx, { organizationId, taskId: id }, 'LICENSES', until, now);
  });
}
