/** What is heard of a command on its way. @module */
import { ids, json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';

/** Milliseconds after which a device that could not just now is woken again. */
const wakeAgain = 900_000;

/** The device can't now: the server keeps the command, and the device is woken again later. */
export async function noteNotNow(
  context: Context,
  tx: Tx,
  told: readonly { commandId: bigint; at: Date; times: number }[],
): Promise<void> {
  if (told.length === 0) return;
  const due = moment(new Date(context.clock.now().getTime() + wakeAgain));
  await tx.$executeRaw(sql`
    UPDATE device_command c SET state = 'QUEUED', not_nows = c.not_nows + v.times, not_now_at = greatest(c.not_now_at, v.at), leased_until = NULL,
      forgotten_at = NULL, due_at = CASE WHEN c.pushes < ${context.settings.mostPushes} THEN ${due} END
    FROM jsonb_to_recordset(${json(told.map(({ commandId, at, times }) => ({ id: commandId, at, times })))}) AS v(id bigint, at timestamptz, times int)
    WHERE c.organization_id = ${context.actor.organizationId} AND c.id = v.id AND c.state IN ('SENT', 'QUEUED')`);
}

/** Whoever leased them handed them on. */
export async function noteDelivered(context: Context, tx: Tx, commandIds: readonly bigint[]): Promise<void> {
  if (commandIds.length === 0) return;
  await tx.$executeRaw(sql`
    UPDATE device_command SET state = 'QUEUED', leased_until = NULL, due_at = NULL
    WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(commandIds)}) AND state IN ('SENT', 'QUEUED')`);
}
