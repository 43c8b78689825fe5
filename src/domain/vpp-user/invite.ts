import { z } from 'zod';
import { ids, moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { parseInput } from '../parse.ts';
import { lockVppUsers, standing } from './find.ts';

const inputSchema = z.object({
  vppUserIds: z
    .array(z.bigint())
    .min(1, 'name at least one user')
    .max(1_000)
    .transform((list) => [...new Set(list)]),
});

/** Somebody who has no open invitation, and where they stand. */
export interface SkippedUser {
  vppUserId: bigint;
  status: string;
}

/** What {@link inviteVppUsers} did. */
export interface InvitedUsers {
  vppUserIds: bigint[];
  skipped: SkippedUser[];
}

/**
 * Hands out the open invitations of people, for the first time or again; Russet sends no mail itself. Apple has one code
 * for as long as an invitation is open, so a second time gives the same one. Who is not REGISTERED is skipped.
 */
export async function inviteVppUsers(context: Context, rawInput: z.input<typeof inputSchema>): Promise<InvitedUsers> {
  requireRight(context, 'users:write');
  const { vppUserIds } = parseInput(inputSchema, rawInput);
  return transaction(context, async (tx) => {
    const users = await lockVppUsers(context, tx, vppUserIds, 'TO_CHANGE', ['vppUserIds']);
    const invited = await tx.$queryRaw<{ id: bigint }[]>(sql`
      UPDATE vpp_user SET invited_at = ${moment(context.clock.now())}, invitations = invitations + 1
      WHERE organization_id = ${context.actor.organizationId} AND id = ANY (${ids(vppUserIds)}) AND status = 'REGISTERED'
        AND NOT retiring AND invite_jwe IS NOT NULL RETURNING id`);
    await recordAudit(context, tx, { action: 'vpp-user.invite', data: { users: invited.length } });
    const done = new Set(invited.map((user) => user.id));
    return {
      vppUserIds: vppUserIds.filter((id) => done.has(id)),
      skipped: users
        .filter((user) => !done.has(user.id))
        .map((user) => ({ vppUserId: user.id, status: standing(user) })),
    };
  });
}
