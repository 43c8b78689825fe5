/** Gives up what took too long. It needs no answer of anybody: silence ends a command as surely as an answer. @module */
import { moment, sql } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { type ConnectionClaim, underConnectionClaim } from './claim.ts';
import { forgotten } from './doubt.ts';
import type { OnEnded } from './ended.ts';
import { endOpen } from './settle.ts';

/** Most commands of one transaction. */
const block = 2_000;

/** Ends what is past its deadline or forgotten by the server, and takes back what was not sent before its window closed. True when there may be more. */
export function endLate(context: Context, claim: ConnectionClaim, onEnded: OnEnded): Promise<boolean> {
  const now = moment(context.clock.now());
  return underConnectionClaim(context, claim, async (tx) => {
    const mine = sql`c.connection_id = ${claim.connectionId}`;
    const late = await endOpen(context, tx, sql`${mine} AND c.deadline_at <= ${now}`, () => 'TIMED_OUT', block);
    const closed = await endOpen(
      context,
      tx,
      sql`${mine} AND c.state = 'PLANNED' AND c.not_after <= ${now}`,
      () => 'CANCELLED',
      block,
    );
    const gone = sql`${mine} AND c.state = 'QUEUED' AND c.forgotten_at <= ${now}`;
    const lost = await endOpen(context, tx, gone, () => 'LOST', block, forgotten);
    const ended = [...late, ...closed, ...lost];
    if (ended.length > 0) await onEnded(tx, ended);
    return [late, closed, lost].some(({ length }) => length === block);
  });
}
