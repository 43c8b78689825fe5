/**
 * Applies what Apple tells of writes, by the assignments that it names: so it does not matter in which order the pieces
 * of an event come, how often, or whether some never do.
 * @module
 */
import { sql, texts, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';
import { adoptCall } from './adopt-call.ts';
import type { EventCall, ToldEvent } from './event.ts';
import { type Doubtful, readAgain } from './read-again.ts';
import { putOff, type Told } from './read-due.ts';
import { settleEvent } from './settle-event.ts';
import { wakeApplying } from './store.ts';

/** Milliseconds by which the clocks of our machines may differ. */
const skew = 5_000;
/** Milliseconds after which a notification that waits is looked at again; the answer it waits for wakes it sooner. */
const waitFor = 500;

/** Applies them: events of ours settle their calls, and what others did is read again. */
export async function applyWrites(context: Context, token: TokenKey, rows: readonly Told<'WRITE'>[]): Promise<void> {
  if (rows.length === 0) return;
  // In this order: a call whose answer is stored in between is found by its event.
  const sentSince = await oldestUnanswered(context, token);
  const events = byEvent(rows);
  const calls = await findCalls(context, token, [...events.keys()]);
  const doubtful: Doubtful[] = [];
  const waiting: Told<'WRITE'>[] = [];
  for (const event of events.values()) {
    const call = calls.get(event.eventId);
    if (call) doubtful.push(...(await settleEvent(context, token, call, event)));
    else if (event.rows.some((row) => mayBeAnswer(row, sentSince))) waiting.push(...event.rows);
    else doubtful.push(...(await applyUnknown(context, token, event)));
  }
  await putOffWaiting(context, token, waiting);
  await readAgain(context, token, doubtful);
}

function byEvent(rows: readonly Told<'WRITE'>[]): Map<string, ToldEvent> {
  const events = new Map<string, ToldEvent>();
  for (const row of rows) {
    const { eventId } = row.news;
    const event = events.get(eventId);
    if (event) event.rows.push(row);
    else events.set(eventId, { eventId, rows: [row] });
  }
  return events;
}

/** When the oldest write was sent whose answer, with the event's id, is not stored yet. */
async function oldestUnanswered(context: Context, { organizationId, tokenId }: TokenKey): Promise<Date | null> {
  const [row] = await context.prisma.$queryRaw<{ since: Date | null }[]>(sql`
    SELECT min(sent_at) AS since FROM apple_call WHERE organization_id = ${organizationId} AND token_id = ${tokenId}
      AND state IN ('SENT', 'ACCEPTED', 'UNKNOWN') AND state = 'SENT'`);
  return row!.since;
}

/** Apple works faster than its answer travels: the event may be that of a write that was on its way already. */
function mayBeAnswer(row: Told<'WRITE'>, sentSince: Date | null): boolean {
  return sentSince !== null && sentSince.getTime() <= row.receivedAt.getTime() + skew;
}

async function findCalls(
  context: Context,
  { organizationId, tokenId }: TokenKey,
  eventIds: readonly string[],
): Promise<Map<string, EventCall>> {
  const calls = await context.prisma.$queryRaw<EventCall[]>(sql`
    SELECT id, task_id AS "taskId", kind::text AS kind, state::text AS state, event_id AS "eventId" FROM apple_call
    WHERE organization_id = ${organizationId} AND token_id = ${tokenId} AND kind IN ('ASSOCIATE', 'DISASSOCIATE') AND event_id IS NOT NULL AND event_id = ANY (${texts(eventIds)})`);
  return new Map(calls.map((call) => [call.eventId, call]));
}

/** An event that no call is known of: one of ours whose answer got lost, or somebody else's. */
async function applyUnknown(context: Context, token: TokenKey, event: ToldEvent): Promise<Doubtful[]> {
  const adopted = await adoptCall(context, token, event);
  if (adopted) return settleEvent(context, token, adopted, event);
  return event.rows.map((row) => ({ row, items: row.news.failure === null ? row.news.items : [], stranger: true }));
}

/** They come again soon; the answer they wait for makes them due at once. */
function putOffWaiting(context: Context, token: TokenKey, rows: readonly Told<'WRITE'>[]): Promise<void> {
  if (rows.length === 0) return Promise.resolve();
  const at = new Date(context.clock.now().getTime() + waitFor);
  return transaction(context, async (tx) => {
    await putOff(tx, token.organizationId, rows, at);
    await wakeApplying(tx, token, at);
  });
}
