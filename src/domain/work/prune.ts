import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';

const day = 86_400_000;
/** Rows deleted by one statement. */
const block = 10_000;

/** Deletes what is kept for a limited time: task events and idempotency keys. Ledger and audit log are kept. */
export async function prune(services: Services): Promise<{ taskEvents: number; idempotencyKeys: number }> {
  const now = services.clock.now().getTime();
  const { taskEventDays, idempotencyDays } = services.settings;
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
  return { taskEvents, idempotencyKeys };
}

async function inBlocks(remove: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const removed = await remove();
    total += removed;
    if (removed < block) return total;
  }
}
