/** How the organization's MDM server is called. @module */
import type { Context } from '../context.ts';
import { openAccess as open } from '../mdm/access.ts';
import type { MdmAccess } from '../mdm-ports.ts';
import { ClaimLostError } from '../task/claim.ts';
import type { ConnectionClaim } from './claim.ts';

/** Address and key of the server. The key is a secret. */
export async function openAccess(context: Context, claim: ConnectionClaim): Promise<MdmAccess> {
  const row = await context.prisma.mdmConnection.findUniqueOrThrow({
    where: { organizationId_id: { organizationId: claim.organizationId, id: claim.connectionId } },
  });
  const access = await open(context, row);
  // Removed since it was claimed: the next write under the claim says so.
  if (!access) throw new ClaimLostError(`the devices of organization ${claim.organizationId}`);
  return access;
}
