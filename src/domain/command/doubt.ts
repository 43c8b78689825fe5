/**
 * An MDM server with key-value storage forgets all that waits for a device when the device repeats an answer that the server has
 * already. Nothing says which storage a server has, so what waited then is only doubted: what is not heard of
 * for a while is LOST, and whoever planned it plans it anew.
 * @module
 */
import { json, moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { wakeDevices } from './wake.ts';

/** Milliseconds in which a device would have answered, in the connection in which it repeated itself. */
export const forgottenAfter = 300_000;

/** Why a command is LOST that the server forgot. */
export const forgotten =
  'The device repeated an answer, and the MDM server seems to have forgotten what waited for it, as one with key-value storage does';

/** A device repeated an answer, and when. */
export interface Repeat {
  enrollmentId: bigint;
  at: Date;
}

/** What the server had for these devices by then is doubted; a NotNow since shows that it is still there. */
export async function doubtQueued(context: Context, tx: Tx, repeats: readonly Repeat[]): Promise<void> {
  if (repeats.length === 0) return;
  const { organizationId } = context.actor;
  const until = new Date(context.clock.now().getTime() + forgottenAfter);
  const doubted = await tx.$executeRaw(sql`
    UPDATE device_command c SET forgotten_at = ${moment(until)} FROM (
      SELECT c.id FROM (
        SELECT g.id, max(g.at) AS at FROM jsonb_to_recordset(${json(repeats.map(({ enrollmentId, at }) => ({ id: enrollmentId, at })))}) AS g(id bigint, at timestamptz)
        GROUP BY 1
      ) x JOIN device_command c ON c.organization_id = ${organizationId} AND c.enrollment_id = x.id AND c.ended_at IS NULL
        AND c.state = 'QUEUED' AND c.sent_at <= x.at AND c.forgotten_at IS NULL AND (c.not_now_at IS NULL OR c.not_now_at <= x.at)
      ORDER BY c.id FOR NO KEY UPDATE OF c
    ) o WHERE c.organization_id = ${organizationId} AND c.id = o.id`);
  if (doubted > 0) await wakeDevices(tx, organizationId, until);
}
