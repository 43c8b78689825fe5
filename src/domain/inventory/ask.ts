/** Asks devices what they are and which apps they have, when it is time. @module */
import { ids, moment, sql } from '../../db/transaction.ts';
import { type ConnectionClaim, underConnectionClaim } from '../command/claim.ts';
import { type NewCommand, planCommands } from '../command/plan.ts';
import type { Context } from '../context.ts';

/** Devices that are asked in one transaction. */
const block = 2_000;

/** Asks those whose time has come. True when there may be more. */
export function askDevices(context: Context, claim: ConnectionClaim): Promise<boolean> {
  const now = context.clock.now();
  const deadlineAt = new Date(now.getTime() + context.settings.questionDeadline);
  return underConnectionClaim(context, claim, async (tx) => {
    const { organizationId, connectionId } = claim;
    const rows = await tx.$queryRaw<{ id: bigint; inform: boolean; list: boolean; type: string }[]>(sql`
      SELECT id, coalesce(information_due_at <= ${moment(now)}, false) AS inform, coalesce(list_due_at <= ${moment(now)}, false) AS list,
        type::text AS type
      FROM enrollment WHERE organization_id = ${organizationId} AND connection_id = ${connectionId} AND state = 'ENROLLED'
        AND least(information_due_at, list_due_at) <= ${moment(now)}
      ORDER BY least(information_due_at, list_due_at), id LIMIT ${block} FOR NO KEY UPDATE`);
    if (rows.length === 0) return false;
    // In the order of their ids, and asked until the answer sets the next time.
    await tx.$executeRaw(sql`
      UPDATE enrollment SET information_due_at = CASE WHEN information_due_at <= ${moment(now)} THEN NULL ELSE information_due_at END,
        list_due_at = CASE WHEN list_due_at <= ${moment(now)} THEN NULL ELSE list_due_at END
      WHERE organization_id = ${organizationId} AND id = ANY (${ids(rows.map((row) => row.id))})`);
    const ask = (enrollmentId: bigint, request: NewCommand['request']): NewCommand => {
      return { enrollmentId, request, dueAt: now, deadlineAt };
    };
    // The channel of a device's user tells nothing of the device.
    const devices = rows.filter(({ type }) => type === 'DEVICE');
    await planCommands(
      context,
      tx,
      devices.flatMap(({ id, inform, list }) => [
        ...(inform ? [ask(id, { kind: 'DEVICE_INFORMATION' })] : []),
        ...(list ? [ask(id, { kind: 'LIST_INSTALLED_APPS', bundleIds: null })] : []),
        ...(list ? [ask(id, { kind: 'LIST_MANAGED_APPS', bundleIds: null })] : []),
      ]),
    );
    return rows.length === block;
  });
}
