/** Settles what is told of a write of ours: exactly the items that a notification names. @module */
import { moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { closeCall, itemKey } from '../license/call.ts';
import { alreadySo, toItemFailure } from '../license/item-failure.ts';
import { lockGates } from '../license/lock-gates.ts';
import { noteTold, sumReported } from '../license/reported.ts';
import { doubtSeats, lockItems, settleItems, type Verdict } from '../license/settle.ts';
import { waitFor } from '../license/wait-for.ts';
import { ringQueues } from '../license/wake-queue.ts';
import { wakeWriter } from '../license/wake-writer.ts';
import type { AssignmentRow, WriteFailure } from '../ports.ts';
import { noteProgress } from '../task/claim.ts';
import { publishProgress } from '../task/events.ts';
import { endSettledTasks } from '../task/settle.ts';
import type { TokenKey } from '../token/gate.ts';
import type { EventCall, ToldEvent } from './event.ts';
import type { Doubtful } from './read-again.ts';
import { markApplied, type Told } from './read-due.ts';
import { normalized, readLive } from './told-items.ts';

/** What is told of one item; CONTRADICTION when it is said to be done and to have failed. */
type Word = 'DONE' | 'CONTRADICTION' | WriteFailure;

/**
 * Settles the named items in one transaction, under the lock of the token's gate: its writer settles nothing meanwhile.
 * A call of which nothing is open any more is closed without a poll. Gives what does not fit our rows and has to be read.
 */
export async function settleEvent(
  context: Context,
  token: TokenKey,
  call: EventCall,
  event: ToldEvent,
): Promise<Doubtful[]> {
  const words = wordsOf(call, event.rows);
  const { doubtful, touched } = await transaction(context, async (tx) => {
    await lockGates(tx, token.organizationId, [token.tokenId]);
    const doubtful = await settle(context, tx, token, call, event, words);
    return doubtful;
  });
  for (const taskId of touched) {
    await publishProgress(context, { organizationId: token.organizationId, taskId }, { force: true });
  }
  return doubtful;
}

function wordsOf(call: EventCall, rows: readonly Told<'WRITE'>[]): Map<string, Word> {
  const words = new Map<string, Word>();
  for (const { news } of rows) {
    const done = news.failure === null || alreadySo(call.kind, news.failure.appleErrorNumber);
    for (const item of news.items) {
      const key = itemKey(normalized(item));
      const before = words.get(key);
      const differs = before !== undefined && (before === 'DONE') !== done;
      words.set(key, differs || before === 'CONTRADICTION' ? 'CONTRADICTION' : done ? 'DONE' : news.failure!);
    }
  }
  return words;
}

async function settle(
  context: Context,
  tx: Tx,
  token: TokenKey,
  call: EventCall,
  { rows }: ToldEvent,
  words: Map<string, Word>,
): Promise<{ doubtful: Doubtful[]; touched: bigint[] }> {
  const { organizationId } = token;
  const now = context.clock.now();
  const doubtful = await findDoubtful(tx, token, call, rows, words);
  const unclear = new Set(doubtful.map(({ row }) => row));
  await markApplied(
    tx,
    organizationId,
    rows.filter((row) => !unclear.has(row)),
    'APPLIED',
    now,
  );
  const carried = await readLive(tx, token, itemsOf(rows), sql`l.call_id = ${call.id} AND l.state IN ${onTheWay}`);
  if (carried.length === 0) return { doubtful, touched: [] };
  const { verdict, later } = judge(carried, words);
  const taskIds = await lockItems(tx, organizationId, call.taskId, carried);
  const settling = { context, tx, call: { ...call, callId: call.id }, now, organizationId };
  const settled = await settleItems(settling, verdict);
  await noteTold(tx, organizationId, call, settled.done);
  if (await nothingLeft(tx, organizationId, call.id)) {
    await closeCall(tx, organizationId, call.id, 'SETTLED', now);
    await sumReported(tx, organizationId, call.taskId);
  }
  await noteProgress(tx, token);
  if (later) await askSoon(tx, organizationId, call.id, now);
  await doubtSeats(settling, verdict.failed);
  await ringQueues(tx, organizationId, now);
  if (later || settled.revokes > 0) await wakeWriter(tx, token);
  const ended = await endSettledTasks(tx, organizationId, taskIds, now);
  return { doubtful, touched: taskIds.filter((id) => !ended.includes(id)) };
}

const onTheWay = sql`('REQUESTED', 'PENDING_AT_APPLE', 'REVOKE_REQUESTED', 'REVOKE_PENDING')`;
const itemsOf = (rows: readonly Told<'WRITE'>[]) => rows.flatMap((row) => row.news.items.map(normalized));

/** What is done and what failed; failures that pass by themselves and contradictions are left to the status of the whole write. */
function judge(
  carried: Awaited<ReturnType<typeof readLive>>,
  words: Map<string, Word>,
): { verdict: Verdict; later: boolean } {
  const done: Verdict['done'][number][] = [];
  const failed: Verdict['failed'][number][] = [];
  const reasons = new Map<WriteFailure, ReturnType<typeof toItemFailure>>();
  let later = false;
  for (const item of carried) {
    const word = words.get(itemKey(item));
    if (word === undefined) continue;
    if (word === 'DONE') done.push(item);
    else if (word === 'CONTRADICTION' || waitFor(item, word) !== null) later = true;
    else {
      const failure = reasons.get(word) ?? toItemFailure(word);
      reasons.set(word, failure);
      failed.push({ item, failure });
    }
  }
  return { verdict: { done, failed }, later };
}

/** Rows that name something as done which our rows contradict: given and nobody has it, or taken back and somebody has it. */
async function findDoubtful(
  tx: Tx,
  token: TokenKey,
  call: EventCall,
  rows: readonly Told<'WRITE'>[],
  words: Map<string, Word>,
): Promise<Doubtful[]> {
  const given = call.kind === 'ASSOCIATE';
  const which = given ? sql`true` : sql`l.state = 'CONFIRMED'`;
  const live = new Set((await readLive(tx, token, itemsOf(rows), which)).map(itemKey));
  return rows.flatMap((row) => {
    const contradicts = (item: AssignmentRow) => {
      const key = itemKey(normalized(item));
      return words.get(key) === 'DONE' && live.has(key) !== given;
    };
    const items = row.news.failure === null ? row.news.items.filter(contradicts) : [];
    return items.length > 0 ? [{ row, items, stranger: false }] : [];
  });
}

async function nothingLeft(tx: Tx, organizationId: bigint, callId: bigint): Promise<boolean> {
  const open = await tx.$queryRaw<unknown[]>(sql`
    SELECT 1 FROM license l WHERE l.organization_id = ${organizationId} AND l.call_id = ${callId} AND l.state IN ${onTheWay} LIMIT 1`);
  return open.length === 0;
}

/** Some of it is to be sent again: the status says which, once Apple is through. */
async function askSoon(tx: Tx, organizationId: bigint, callId: bigint, now: Date): Promise<void> {
  await tx.$executeRaw(sql`
    UPDATE apple_call SET next_poll_at = least(next_poll_at, ${moment(now)})
    WHERE organization_id = ${organizationId} AND id = ${callId} AND state = 'ACCEPTED'`);
}
