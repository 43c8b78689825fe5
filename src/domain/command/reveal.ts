/** What must not stand in the row of a command is put into it on its way: the address of an invitation. @module */
import type { Context } from '../context.ts';
import type { DeviceRequest } from '../mdm-ports.ts';
import { readInvitations } from '../vpp-user/invitation.ts';

/** CLOSED: the invitation was accepted or withdrawn. LATER: Apple does not say now where invitations are accepted. */
export type Revealed = DeviceRequest | 'CLOSED' | 'LATER';

/** The request as it leaves. Reads Apple's service config, so it is not for a transaction. */
export async function revealRequest(context: Context, request: DeviceRequest): Promise<Revealed> {
  if (request.kind !== 'INVITE_TO_PROGRAM') return request;
  const { organizationId } = context.actor;
  const [invitation] = await readInvitations(context, organizationId, [BigInt(request.vppUserId)]);
  if (!invitation) return 'CLOSED';
  return invitation.url === null ? 'LATER' : { ...request, invitationUrl: invitation.url };
}
