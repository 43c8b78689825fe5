import { sql, type Tx } from '../../db/transaction.ts';
import type { Token } from '../../generated/prisma/client.ts';
import type { Context } from '../context.ts';
import { NotFoundError } from '../errors.ts';

/** The organization's token, or NOT_FOUND. Removed ones count as not found unless asked for. */
export async function findToken(
  context: Context,
  db: Tx,
  tokenId: bigint,
  options: { removed?: boolean } = {},
): Promise<Token> {
  const token = await db.token.findUnique({
    where: { organizationId_id: { organizationId: context.actor.organizationId, id: tokenId } },
  });
  if (!token || (token.removedAt && !options.removed)) throw new NotFoundError('token', [String(tokenId)], ['tokenId']);
  return token;
}

/** Makes changes of the organization's tokens wait for each other; the first lock of their transactions. */
export async function lockTokens(context: Context, tx: Tx): Promise<void> {
  await tx.$queryRaw(sql`SELECT 1 FROM organization WHERE id = ${context.actor.organizationId} FOR NO KEY UPDATE`);
}

/** The organization's tokens in their order, without the removed ones. */
export function listTokens(context: Context, db: Tx): Promise<Token[]> {
  return db.token.findMany({
    where: { organizationId: context.actor.organizationId, removedAt: null },
    orderBy: [{ position: 'asc' }, { id: 'asc' }],
  });
}
