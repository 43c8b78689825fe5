/** Which items are next, to be asked or to be sent. @module */
import { moment, type Sql, sql, type Tx } from '../../db/transaction.ts';
import { margin, placeFor } from './times.ts';

/** Item `i` of run `u` and rollout `r` may go on now: its ring is open, nothing paused it, and its window stays open long enough. */
export function mayGoOn(now: Date): Sql {
  return sql`r.paused_at IS NULL AND i.ring <= r.ring AND u.opens_at <= ${moment(now)} AND ${lastStart} > ${moment(now)}
    AND NOT EXISTS (SELECT 1 FROM update_item s WHERE ${sentBeside})`;
}

/** From then on nothing begins in run `u`. A short window keeps a third of its length free. */
export const lastStart: Sql = sql`(u.closes_at - least(interval '1 millisecond' * ${margin}, (u.closes_at - u.opens_at) / 3))`;

/** The device of item `i` was sent another update, which has not ended: item `s`. */
export const sentBeside: Sql = sql`s.organization_id = i.organization_id AND s.device_id = i.device_id AND s.state = 'SENT'`;

/** Item `i` holds a place: its device works on the update, or had a step of it a short while ago. */
export function holdsPlace(now: Date): Sql {
  return sql`i.state = 'SENT' AND EXISTS (SELECT 1 FROM app_operation o WHERE o.organization_id = i.organization_id AND o.id = i.operation_id
    AND (o.state = 'INSTALLING' OR o.changed_at > ${moment(new Date(now.getTime() - placeFor))}))`;
}

/** Tables of an item with its run and rollout. */
export const itemTables: Sql = sql`update_item i
  JOIN update_run u ON u.organization_id = i.organization_id AND u.task_id = i.task_id
  JOIN update_rollout r ON r.organization_id = i.organization_id AND r.id = i.rollout_id`;

/** How many updates of an organization may be under way beside those that are. */
export async function freeSlots(
  tx: Tx,
  organizationId: bigint,
  { now, otherwise }: { now: Date; otherwise: number },
): Promise<{ cap: number; free: number }> {
  const [row] = await tx.$queryRaw<{ cap: number; sent: number }[]>(sql`
    SELECT coalesce((SELECT p.max_in_flight FROM update_policy p WHERE p.organization_id = ${organizationId} AND p.app_id IS NULL AND p.group_id IS NULL), ${otherwise})::int AS cap,
      (SELECT count(*) FROM update_item i WHERE i.organization_id = ${organizationId} AND ${holdsPlace(now)})::int AS sent`);
  return { cap: row!.cap, free: Math.max(0, row!.cap - row!.sent) };
}
