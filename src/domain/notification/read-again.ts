/** Reads assignments that a notification named and our rows can't explain, and brings what Apple has into them. @module */
import { json, moment, sql, type Tx, transaction } from '../../db/transaction.ts';
import { backoff } from '../../lib/backoff.ts';
import type { Context } from '../context.ts';
import { DomainError } from '../errors.ts';
import { itemKey } from '../license/call.ts';
import { lockGates } from '../license/lock-gates.ts';
import { readPresent } from '../license/read-holders.ts';
import { AppleFailure, type AssignmentRow } from '../ports.ts';
import { mergeNamed } from '../sync/merge-named.ts';
import { startSync } from '../sync/start.ts';
import type { TokenKey } from '../token/gate.ts';
import { markApplied, putOff, type Told } from './read-due.ts';
import type { SecondManager } from './state.ts';

/** A notification with items that have to be read; a stranger's when its event is none of ours. */
export interface Doubtful {
  row: Told<'WRITE'>;
  items: readonly AssignmentRow[];
  stranger: boolean;
}

/** More named items than this are not read one by one: a sync reads the library. */
const maxItems = 500;
const retry = { base: 5_000, factor: 3, cap: 600_000 };
/** Tries after which the next sync has to do. */
const maxAttempts = 8;

/** Reads what is named, and marks the notifications when it is in our rows. */
export async function readAgain(context: Context, token: TokenKey, doubtful: readonly Doubtful[]): Promise<void> {
  if (doubtful.length === 0) return;
  const items = [...new Map(doubtful.flatMap((one) => one.items).map((item) => [itemKey(item), item])).values()];
  if (items.length > maxItems) return leaveToSync(context, token, doubtful);
  try {
    const readAt = context.clock.now();
    const present = await readPresent(context, token, items.map(asCarried));
    await mergeNamed(context, token, { items, present, readAt }, (tx) =>
      done(context, tx, token, doubtful, 'READ_AGAIN'),
    );
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    await comeBack(context, token, doubtful, error);
  }
}

const asCarried = (item: AssignmentRow) => ({
  ...item,
  ...{ id: 0n, poolId: 0n, appId: 0n, deviceId: null, revokeTaskId: null, sends: 0 },
});

async function done(
  context: Context,
  tx: Tx,
  token: TokenKey,
  doubtful: readonly Doubtful[],
  outcome: 'READ_AGAIN' | 'SYNC' | 'NOT_READ',
): Promise<void> {
  const rows = doubtful.map(({ row }) => row);
  await markApplied(tx, token.organizationId, rows, outcome, context.clock.now());
  await noteStranger(context, tx, token, doubtful);
}

function leaveToSync(context: Context, token: TokenKey, doubtful: readonly Doubtful[]): Promise<void> {
  return transaction(context, async (tx) => {
    await lockGates(tx, token.organizationId, [token.tokenId]);
    await done(context, tx, token, doubtful, 'SYNC');
    await startSync(context, tx, token.tokenId);
  });
}

/** Apple or the token does not allow it now. */
function comeBack(context: Context, token: TokenKey, doubtful: readonly Doubtful[], error: Error): Promise<void> {
  const attempts = Math.max(...doubtful.map(({ row }) => row.attempts)) + 1;
  const givenUp = error instanceof DomainError || attempts >= maxAttempts;
  const fields = { tokenId: String(token.tokenId), reason: error.message, attempts, givenUp };
  context.logger.warn(fields, 'what a notification named was not read');
  return transaction(context, async (tx) => {
    await lockGates(tx, token.organizationId, [token.tokenId]);
    if (givenUp) return done(context, tx, token, doubtful, 'NOT_READ');
    const asked = error instanceof AppleFailure ? error.retryAfter : undefined;
    const at = new Date(context.clock.now().getTime() + (asked ?? backoff(attempts, retry)));
    await putOff(
      tx,
      token.organizationId,
      doubtful.map(({ row }) => row),
      at,
      true,
    );
    await noteStranger(context, tx, token, doubtful);
  });
}

/** Shows on the token that somebody else manages its library; the newest event counts. */
async function noteStranger(
  context: Context,
  tx: Tx,
  { organizationId, tokenId }: TokenKey,
  doubtful: readonly Doubtful[],
): Promise<void> {
  const strange = doubtful.filter((one) => one.stranger);
  const newest = strange.reduce<Doubtful | null>(
    (last, one) => (last === null || one.row.receivedAt >= last.row.receivedAt ? one : last),
    null,
  );
  if (!newest) return;
  const { eventId, action } = newest.row.news;
  const named = strange.filter((one) => one.row.news.eventId === eventId).flatMap((one) => one.row.news.items);
  const hint: SecondManager = { at: newest.row.receivedAt.toISOString(), eventId, action, items: named.length };
  const at = moment(newest.row.receivedAt);
  context.logger.warn({ tokenId: String(tokenId), ...hint }, 'somebody else gave or took licenses of this library');
  await tx.$executeRaw(sql`
    UPDATE token_webhook SET second_manager = ${json(hint)} WHERE organization_id = ${organizationId} AND token_id = ${tokenId}
      AND (second_manager IS NULL OR (second_manager ->> 'at')::timestamptz <= ${at})`);
}
