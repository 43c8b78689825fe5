import type { Services } from '../context.ts';
import type { TokenKey } from '../token/gate.ts';

/** Whose invitation a sealed code is. */
export interface InvitedUser extends TokenKey {
  clientUserId: string;
}

/** Names the row that a sealed code is bound to. */
export const invitationRow = ({ organizationId, tokenId, clientUserId }: InvitedUser): string =>
  `vpp-user:${organizationId}:${tokenId}:${clientUserId}`;

/** The code of an open invitation as it is stored, and the mark by which it is recognized without opening it. */
export interface SealedInvitation {
  jwe: string;
  keyId: string;
  mark: string;
}

/** Seals the code: whoever has it can link an Apple Account of his own to the user. */
export async function sealInvitation(
  { secrets }: Pick<Services, 'secrets'>,
  user: InvitedUser,
  code: string,
): Promise<SealedInvitation> {
  return { ...(await secrets.seal(code, invitationRow(user))), mark: secrets.mark(code) };
}
