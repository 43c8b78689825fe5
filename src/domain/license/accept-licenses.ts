import { sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { noteProgress } from '../task/claim.ts';
import type { TokenKey } from '../token/gate.ts';
import { acceptCall } from './call.ts';
import type { SettledCall } from './settle.ts';
import { transition } from './transition.ts';

/** Keeps that Apple took a write of licenses as an event. Under the lock of the token's gate. */
export async function acceptLicenses(
  context: Context,
  tx: Tx,
  token: TokenKey,
  call: SettledCall,
  eventId: string,
  from: 'SENT' | 'UNKNOWN',
): Promise<void> {
  await acceptCall(context, tx, token, { callId: call.callId, eventId, from, told: true });
  await transition(tx, call.kind === 'ASSOCIATE' ? 'SEND' : 'SEND_REVOKE', {
    organizationId: token.organizationId,
    where: sql`l.call_id = ${call.callId}`,
    now: context.clock.now(),
    actor: context.actor,
    taskId: call.taskId,
    appleEventId: eventId,
  });
  await noteProgress(tx, token);
}
