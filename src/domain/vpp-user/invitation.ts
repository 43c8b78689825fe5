import { ids, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import { AppleFailure } from '../ports.ts';
import { invitationRow } from './invitation-seal.ts';

/** An invitation that is open. Whoever has it can link an Apple Account of theirs to the user. */
export interface Invitation {
  code: string;
  /** Null while Apple does not say where invitations are accepted. */
  url: string | null;
  /** When it was last handed out by `inviteVppUsers`; null when it never was. */
  sentAt: Date | null;
  times: number;
}

interface SealedRow {
  id: bigint;
  tokenId: bigint;
  clientUserId: string;
  jwe: string;
  sentAt: Date | null;
  times: number;
}

/** The open invitations of people, in the order of the ids; null where there is none. */
export async function readInvitations(
  services: Services,
  organizationId: bigint,
  userIds: readonly bigint[],
): Promise<(Invitation | null)[]> {
  const rows = await services.prisma.$queryRaw<SealedRow[]>(sql`
    SELECT id, token_id AS "tokenId", client_user_id AS "clientUserId", invite_jwe AS jwe, invited_at AS "sentAt", invitations AS times
    FROM vpp_user WHERE organization_id = ${organizationId} AND id = ANY (${ids(userIds)}) AND invite_jwe IS NOT NULL AND status = 'REGISTERED'`);
  const opened = await Promise.all(
    rows.map(async (row): Promise<[bigint, Invitation]> => [row.id, await open(services, organizationId, row)]),
  );
  const found = new Map(opened);
  return userIds.map((id) => found.get(id) ?? null);
}

async function open(services: Services, organizationId: bigint, row: SealedRow): Promise<Invitation> {
  const { tokenId, clientUserId, jwe, sentAt, times } = row;
  const code = await services.secrets.open(jwe, invitationRow({ organizationId, tokenId, clientUserId }));
  return { code, url: await urlOf(services, code), sentAt, times };
}

async function urlOf({ apple }: Services, code: string): Promise<string | null> {
  try {
    return await apple.invitationUrl(code);
  } catch (error) {
    if (error instanceof AppleFailure) return null;
    throw error;
  }
}
