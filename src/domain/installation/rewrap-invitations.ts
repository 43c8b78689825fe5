import { sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { KeyRing } from '../token/key-ring.ts';
import { invitationRow } from '../vpp-user/invitation-seal.ts';

const batch = 100;

interface SealedInvitation {
  organizationId: bigint;
  id: bigint;
  tokenId: bigint;
  clientUserId: string;
  jwe: string;
}

/**
 * Puts the codes of open invitations under the first key. One that no key opens is forgotten, which loses nothing: Apple
 * has it, and the next sync of its token reads all users anew. Gives how many were sealed.
 */
export async function rewrapInvitations(services: Pick<Services, 'prisma'>, ring: KeyRing): Promise<number> {
  let sealed = 0;
  for (;;) {
    const rows = await services.prisma.$queryRaw<SealedInvitation[]>(sql`
      SELECT organization_id AS "organizationId", id, token_id AS "tokenId", client_user_id AS "clientUserId", invite_jwe AS jwe FROM vpp_user
      WHERE invite_jwe IS NOT NULL AND invite_key_id IS DISTINCT FROM ${ring.ids[0]!} ORDER BY organization_id, id LIMIT ${batch}`);
    if (rows.length === 0) return sealed;
    for (const row of rows) sealed += (await rewrap(services, ring, row)) ? 1 : 0;
  }
}

async function rewrap({ prisma }: Pick<Services, 'prisma'>, ring: KeyRing, row: SealedInvitation): Promise<boolean> {
  const { organizationId, id, tokenId, jwe } = row;
  const mine = sql`organization_id = ${organizationId} AND id = ${id} AND invite_jwe = ${jwe}`;
  const code = await ring.open(jwe, invitationRow(row)).catch(() => null);
  if (code === null) {
    await prisma.$executeRaw(sql`
      UPDATE vpp_user SET invite_jwe = NULL, invite_key_id = NULL, invite_mark = NULL WHERE ${mine}`);
    await prisma.$executeRaw(sql`
      UPDATE token_sync SET users_version = NULL WHERE organization_id = ${organizationId} AND token_id = ${tokenId}`);
    return false;
  }
  const sealed = await ring.seal(code, invitationRow(row));
  await prisma.$executeRaw(sql`
    UPDATE vpp_user SET invite_jwe = ${sealed.jwe}, invite_key_id = ${sealed.keyId} WHERE ${mine}`);
  return true;
}
