import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';

const day = 86_400_000;
/** Rows deleted by one statement. */
const block = 10_000;

/** Plans deleted by one statement, with their items. */
const planBlock = 50;
/** Tasks deleted by one statement, with all that belongs to them. */
const taskBlock = 500;

/** How many rows were deleted. */
export interface Pruned {
  plans: number;
  taskEvents: number;
  idempotencyKeys: number;
  notifications: number;
  tasks: number;
  deviceNews: number;
  deviceCommands: number;
}

/** Deletes what is kept for a limited time: news of devices and commands to them, task events, idempotency keys, plans, notifications and finished tasks. Ledger and audit log are kept. */
export async function prune(services: Services): Promise<Pruned> {
  const now = services.clock.now().getTime();
  const { taskEventDays, taskDays, idempotencyDays, notificationDays, planDays } = services.settings;
  const eventsBefore = moment(new Date(now - taskEventDays * day));
  const keysBefore = moment(new Date(now - idempotencyDays * day));
  const taskEvents = await inBlocks(() =>
    services.prisma.$executeRaw(sql`
    DELETE FROM task_event WHERE ctid IN (SELECT ctid FROM task_event WHERE at < ${eventsBefore} ORDER BY at LIMIT ${block})`),
  );
  const idempotencyKeys = await inBlocks(() =>
    services.prisma.$executeRaw(sql`
    DELETE FROM idempotency_key WHERE ctid IN (SELECT ctid FROM idempotency_key WHERE created_at < ${keysBefore} LIMIT ${block})`),
  );
  const plansBefore = moment(new Date(now - planDays * day));
  const plans = await inBlocks(
    () =>
      services.prisma.$executeRaw(sql`
    DELETE FROM plan WHERE ctid IN (SELECT ctid FROM plan WHERE expires_at < ${plansBefore} ORDER BY expires_at LIMIT ${planBlock})`),
    planBlock,
  );
  const notificationsBefore = moment(new Date(now - notificationDays * day));
  const notifications = await inBlocks(() =>
    services.prisma.$executeRaw(sql`
    DELETE FROM notification WHERE ctid IN (
      SELECT n.ctid FROM notification n WHERE n.received_at < ${notificationsBefore} AND (n.applied_at IS NOT NULL OR EXISTS (
        SELECT 1 FROM token t WHERE t.organization_id = n.organization_id AND t.id = n.token_id AND t.removed_at IS NOT NULL))
      ORDER BY n.received_at LIMIT ${block})`),
  );
  const tasks = await inBlocks(() => removeTasks(services, new Date(now - taskDays * day)), taskBlock);
  const { deviceNewsDays, deviceCommandDays } = services.settings;
  const newsBefore = moment(new Date(now - deviceNewsDays * day));
  // What waits for a connection that is gone will never be applied.
  const deviceNews = await inBlocks(() =>
    services.prisma.$executeRaw(sql`
    DELETE FROM device_news WHERE ctid IN (
      SELECT n.ctid FROM device_news n WHERE n.received_at < ${newsBefore} AND (n.applied_at IS NOT NULL OR EXISTS (
        SELECT 1 FROM mdm_connection m WHERE m.organization_id = n.organization_id AND m.id = n.connection_id AND m.removed_at IS NOT NULL))
      ORDER BY n.received_at LIMIT ${block})`),
  );
  const commandsBefore = moment(new Date(now - deviceCommandDays * day));
  const deviceCommands = await inBlocks(() =>
    services.prisma.$executeRaw(sql`
    DELETE FROM device_command WHERE ctid IN (
      SELECT c.ctid FROM device_command c WHERE c.ended_at < ${commandsBefore} AND NOT EXISTS (
        SELECT 1 FROM app_operation o WHERE o.organization_id = c.organization_id AND o.id = c.operation_id AND o.ended_at IS NULL)
      ORDER BY c.ended_at LIMIT ${block})`),
  );
  return { deviceNews, deviceCommands, taskEvents, idempotencyKeys, plans, notifications, tasks };
}

/** Licenses, ledger and audit entries keep the task's number; it then leads to no task. */
function removeTasks(services: Services, before: Date): Promise<number> {
  const own = sql`x.organization_id = o.organization_id AND x.task_id = o.id`;
  return services.prisma.$executeRaw(sql`
    WITH o AS (
      SELECT t.organization_id, t.id FROM task t WHERE t.finished_at < ${moment(before)} AND NOT EXISTS (
        SELECT 1 FROM apple_call c WHERE c.organization_id = t.organization_id AND c.task_id = t.id AND c.state IN ('SENT', 'ACCEPTED', 'UNKNOWN'))
      ORDER BY t.finished_at LIMIT ${taskBlock}
    ), events AS (DELETE FROM task_event x USING o WHERE ${own}
    ), failures AS (DELETE FROM task_failure x USING o WHERE ${own}
    ), tokens AS (DELETE FROM task_token x USING o WHERE ${own}
    ), people AS (DELETE FROM vpp_user_write x USING o WHERE ${own}
    ), calls AS (DELETE FROM apple_call x USING o WHERE ${own})
    DELETE FROM task x USING o WHERE x.organization_id = o.organization_id AND x.id = o.id`);
}

async function inBlocks(remove: () => Promise<number>, size = block): Promise<number> {
  let total = 0;
  for (;;) {
    const removed = await remove();
    total += removed;
    if (removed < size) return total;
  }
}
