import { moment, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { isLive } from '../notification/address.ts';
import { noteProgress } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import type { SettledCall } from './settle.ts';
import { transition } from './transition.ts';

/**
 * Keeps that Apple took a write as an event. While its notifications come it is asked about late: they settle most of it.
 * Under the lock of the token's gate.
 */
export async function acceptLicenses(
  context: Context,
  tx: Tx,
  token: TokenKey,
  call: SettledCall,
  eventId: string,
  from: 'SENT' | 'UNKNOWN',
): Promise<void> {
  const { organizationId, tokenId } = token;
  const now = context.clock.now();
  const after = (milliseconds: number) => moment(new Date(now.getTime() + milliseconds));
  const { firstPollAfter, firstPollWhenLive, pendingLimit } = context.settings;
  await tx.$executeRaw(sql`
    UPDATE apple_call SET state = 'ACCEPTED', event_id = ${eventId}, deadline_at = ${after(pendingLimit)}, next_poll_at = CASE
      WHEN EXISTS (SELECT 1 FROM token_webhook w WHERE w.organization_id = ${organizationId} AND w.token_id = ${tokenId} AND ${isLive(context.settings)})
      THEN ${after(firstPollWhenLive)} ELSE ${after(firstPollAfter)} END
    WHERE organization_id = ${organizationId} AND id = ${call.callId} AND state = ${from}::"AppleCallState"`);
  await transition(tx, call.kind === 'ASSOCIATE' ? 'SEND' : 'SEND_REVOKE', {
    organizationId,
    where: sql`l.call_id = ${call.callId}`,
    now,
    actor: context.actor,
    taskId: call.taskId,
    appleEventId: eventId,
  });
  await noteProgress(tx, token);
}
