import { ids, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { acceptLicenses } from '../license/accept-licenses.ts';
import { type CallKind, itemKey } from '../license/call.ts';
import { lockGates } from '../license/lock-gates.ts';
import type { AssignmentRow } from '../ports.ts';
import type { TokenKey } from '../token/gate.ts';
import type { EventCall, ToldEvent } from './event.ts';
import { normalized, readLive } from './told-items.ts';

/** Apple may tell of a write for so many milliseconds after it was sent. */
const longest = 3_600_000;

interface LostCall {
  id: bigint;
  taskId: bigint;
  state: string;
}

/**
 * A write whose answer got lost has no event by which it could be found. When an event without a call names items of one
 * such write, and none that were not written from here, it is that write's: from then on it is settled like any other.
 */
export async function adoptCall(context: Context, token: TokenKey, event: ToldEvent): Promise<EventCall | null> {
  const { organizationId, tokenId } = token;
  const kind = event.rows[0]!.news.action === 'ASSOCIATE' ? 'ASSOCIATE' : 'DISASSOCIATE';
  const items = event.rows.flatMap((row) => row.news.items.map(normalized));
  const since = new Date(event.rows[0]!.receivedAt.getTime() - longest);
  return transaction(context, async (tx) => {
    await lockGates(tx, organizationId, [tokenId]);
    const lost = await tx.$queryRaw<LostCall[]>(sql`
      SELECT id, task_id AS "taskId", state::text AS state FROM apple_call WHERE organization_id = ${organizationId} AND token_id = ${tokenId}
        AND state IN ('UNKNOWN', 'SETTLED') AND event_id IS NULL AND kind = ${kind}::"AppleCallKind" AND sent_at >= ${moment(since)} ORDER BY id`);
    const call = lost.length > 0 ? await callOf(tx, token, kind, items, lost, since) : null;
    if (!call) return null;
    const accepted = { callId: call.id, taskId: call.taskId, kind } as const;
    if (call.state === 'UNKNOWN') await acceptLicenses(context, tx, token, accepted, event.eventId, 'UNKNOWN');
    else await nameEvent(tx, organizationId, call.id, event.eventId);
    context.logger.info(
      { tokenId: String(tokenId), callId: String(call.id) },
      'a notification names the event of a write whose answer got lost',
    );
    return { id: call.id, taskId: call.taskId, kind, state: call.state, eventId: event.eventId };
  });
}

/** The lost call that carried items of the event, when all of them were carried by calls of ours. */
async function callOf(
  tx: Tx,
  token: TokenKey,
  kind: CallKind,
  items: readonly AssignmentRow[],
  lost: readonly LostCall[],
  since: Date,
): Promise<LostCall | null> {
  const live = await readLive(tx, token, items, sql`l.call_id IS NOT NULL`);
  const ended = kind === 'DISASSOCIATE' ? await endedBy(tx, token, lost, since) : [];
  const calls = new Map([...ended, ...live].map((item) => [itemKey(item), item.callId]));
  if (!items.every((item) => calls.has(itemKey(item)))) return null;
  const named = new Set(items.map((item) => calls.get(itemKey(item))));
  return lost.find(({ id }) => named.has(id)) ?? null;
}

/** Licenses that the lost calls took back. */
function endedBy(
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  lost: readonly LostCall[],
  since: Date,
): Promise<(AssignmentRow & { callId: bigint | null })[]> {
  return tx.$queryRaw(sql`
    SELECT adam_id AS "adamId", pricing_param AS "pricingParam", serial_number AS "serialNumber", client_user_id AS "clientUserId", call_id AS "callId"
    FROM license WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND ended_at >= ${moment(since)}
      AND call_id = ANY (${ids(lost.map((call) => call.id))})`);
}

async function nameEvent(tx: Tx, organizationId: bigint, callId: bigint, eventId: string): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET event_id = ${eventId} WHERE organization_id = ${organizationId} AND id = ${callId} AND event_id IS NULL`);
}
