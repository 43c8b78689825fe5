import { ids, moment, sql, type Tx } from '../../db/transaction.ts';
import { planCommands } from '../command/plan.ts';
import type { Context } from '../context.ts';
import { itemTables, mayGoOn } from './next-items.ts';
import { askAgain, askedFor, freshFor } from './times.ts';

interface Question {
  enrollmentId: bigint;
  bundleIds: string[];
  itemIds: string[];
  closesAt: Date;
}

/**
 * Asks devices whose turn comes which versions they have: a cheap question, and its answer proves that the device is there.
 * A few more than there are places; devices that are off hold nobody up.
 */
export async function askDevices(context: Context, tx: Tx, cap: number): Promise<number> {
  const { organizationId } = context.actor;
  const now = context.clock.now();
  const before = (milliseconds: number) => moment(new Date(now.getTime() - milliseconds));
  await tx.$executeRaw(sql`
    UPDATE update_item SET state = 'WAITING', answered_at = NULL WHERE organization_id = ${organizationId} AND state = 'ANSWERED' AND answered_at < ${before(freshFor)}`);
  const [busy] = await tx.$queryRaw<{ count: number }[]>(sql`
    SELECT count(*)::int AS count FROM update_item WHERE organization_id = ${organizationId}
      AND (state = 'ANSWERED' OR (state = 'ASKED' AND asked_at > ${before(askedFor)}))`);
  const room = Math.max(100, 2 * cap) - busy!.count;
  if (room <= 0) return 0;
  const questions = await tx.$queryRaw<Question[]>(sql`
    SELECT n.enrollment_id AS "enrollmentId", array_agg(DISTINCT n.bundle_id) AS "bundleIds", array_agg(DISTINCT n.id::text) AS "itemIds", min(n.closes_at) AS "closesAt"
    FROM (
      SELECT i.id, e.id AS enrollment_id, a.bundle_id, u.closes_at FROM ${itemTables}
      JOIN enrollment e ON e.organization_id = i.organization_id AND e.device_id = i.device_id AND e.state = 'ENROLLED' AND e.type = 'DEVICE'
      JOIN installed_app a ON a.organization_id = i.organization_id AND a.device_id = i.device_id AND a.app_id = i.app_id
      WHERE i.organization_id = ${organizationId} AND i.state = 'WAITING' AND i.due_at <= ${moment(now)} AND ${mayGoOn(now)}
      -- Only who can be asked takes a place.
      ORDER BY i.ring, i.due_at, i.id LIMIT ${room}
    ) n
    GROUP BY n.enrollment_id ORDER BY n.enrollment_id`);
  const planned = await planCommands(
    context,
    tx,
    questions.map(({ enrollmentId, bundleIds, closesAt }) => ({
      enrollmentId,
      request: { kind: 'LIST_INSTALLED_APPS' as const, bundleIds: bundleIds.sort() },
      dueAt: now,
      deadlineAt: closesAt,
      notAfter: closesAt,
    })),
  );
  const asked = questions.flatMap(({ itemIds }, index) =>
    itemIds.map((id) => ({ id: BigInt(id), commandId: planned[index]!.commandId })),
  );
  await note(tx, organizationId, asked.filter((item) => item.commandId !== null) as Asked[], now);
  await tx.$executeRaw(sql`
    UPDATE update_item SET due_at = ${moment(new Date(now.getTime() + askAgain))}
    WHERE organization_id = ${organizationId} AND id = ANY (${ids(asked.filter(({ commandId }) => commandId === null).map(({ id }) => id))})`);
  return asked.length;
}

interface Asked {
  id: bigint;
  commandId: bigint;
}

async function note(tx: Tx, organizationId: bigint, asked: readonly Asked[], now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE update_item i SET state = 'ASKED', command_id = k.command_id, asked_at = ${moment(now)}, answered_at = NULL
    FROM unnest(${ids(asked.map(({ id }) => id))}, ${ids(asked.map(({ commandId }) => commandId))}) AS k(id, command_id)
    WHERE i.organization_id = ${organizationId} AND i.id = k.id`);
}
