import { ids, nothing, type Sql, sql, type Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { NotFoundError, UserNotActiveError } from '../errors.ts';
import { isActive } from './records.ts';

/** A person as verbs see them. */
export interface FoundUser {
  id: bigint;
  tokenId: bigint;
  clientUserId: string;
  status: string | null;
  retiring: boolean;
  email: string | null;
}

/** The people with these ids, in the order of their clientUserIds. Throws NOT_FOUND. */
export function findVppUsers(
  context: Context,
  tx: Tx,
  userIds: readonly bigint[],
  path: string[],
): Promise<FoundUser[]> {
  return read(context, tx, userIds, path, nothing);
}

/** The same people, locked in that order: to change them, or to keep them from being changed until the commit. */
export function lockVppUsers(
  context: Context,
  tx: Tx,
  userIds: readonly bigint[],
  how: 'TO_CHANGE' | 'TO_KEEP',
  path: string[],
): Promise<FoundUser[]> {
  return read(context, tx, userIds, path, how === 'TO_CHANGE' ? sql`FOR NO KEY UPDATE OF u` : sql`FOR SHARE OF u`);
}

async function read(
  context: Context,
  tx: Tx,
  userIds: readonly bigint[],
  path: string[],
  lock: Sql,
): Promise<FoundUser[]> {
  const users = await tx.$queryRaw<FoundUser[]>(sql`
    SELECT u.id, u.token_id AS "tokenId", u.client_user_id AS "clientUserId", u.status::text AS status, u.retiring, u.email
    FROM vpp_user u WHERE u.organization_id = ${context.actor.organizationId} AND u.id = ANY (${ids(userIds)})
    ORDER BY u.client_user_id ${lock}`);
  const known = new Set(users.map((user) => user.id));
  const missing = [...new Set(userIds)].filter((id) => !known.has(id));
  if (missing.length > 0) throw new NotFoundError('VPP user', missing.map(String), path);
  return users;
}

/** Where a person stands, in one word. */
export const standing = ({ status, retiring }: Pick<FoundUser, 'status' | 'retiring'>): string =>
  retiring ? 'RETIRING' : (status ?? 'UNKNOWN');

/** Why a person can't be given, changed or retired; null when they can. `requested` admits those whom Apple is yet to make. */
export function refuseInactive(
  user: FoundUser,
  path: string[],
  options: { requested?: boolean } = {},
): UserNotActiveError | null {
  const admitted = isActive(user.status) || (options.requested && user.status === 'REQUESTED');
  if (admitted && !user.retiring) return null;
  return new UserNotActiveError(user.id, user.clientUserId, standing(user), path);
}
