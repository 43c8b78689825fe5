/** How the organization's MDM server is called. @module */
import type { Context } from '../context.ts';
import type { MdmAccess } from '../mdm-ports.ts';
import type { ConnectionClaim } from './claim.ts';

/** Names the row that a connection's secrets are bound to. */
export const connectionSecret = (webhookId: string): string => `mdm:${webhookId}`;

/** Address and key of the server. The key is a secret. */
export async function openAccess(context: Context, claim: ConnectionClaim): Promise<MdmAccess> {
  const row = await context.prisma.mdmConnection.findUniqueOrThrow({
    where: { organizationId_id: { organizationId: claim.organizationId, id: claim.connectionId } },
  });
  const apiKey = await context.secrets.open(row.apiKeyJwe!, connectionSecret(row.webhookId));
  return { baseUrl: row.baseUrl!, pathPrefix: row.pathPrefix!, userName: row.userName!, apiKey };
}
