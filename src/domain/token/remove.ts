import { z } from 'zod';
import { type Tx, transaction } from '../../db/transaction.ts';
import type { Token } from '../../generated/prisma/client.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context } from '../context.ts';
import { type TokenHoldings, TokenHoldsLicensesError } from '../errors.ts';
import { parseInput } from '../parse.ts';
import { forgetSeen } from '../sync/seen.ts';
import { findToken, lockTokens } from './find.ts';
import { forgetToken, lockAllOfToken } from './forget.ts';
import type { TokenKey } from './gate.ts';
import { countHoldings, reservedLicenses } from './holdings.ts';
import { startRelease } from './start-release.ts';
import { isUsable, tokenRefusal, tokenState } from './state.ts';

const inputSchema = z.object({
  tokenId: z.bigint(),
  releaseLicenses: z.boolean().nullish(),
  confirm: z.boolean().nullish(),
});

/** What a removal did, or began. */
export interface RemovedToken {
  tokenId: bigint;
  /** Licenses that stay as they are at Apple and that Russet forgets. */
  licensesLeft: bigint;
  /** The task that gives the licenses back before the token goes; null when it is gone already. */
  taskId: bigint | null;
}

/**
 * Removes the token and forgets its secret. While licenses are held through it, `releaseLicenses` must say what becomes
 * of them: true gives everything back at Apple first, as a task; false (or `confirm`) leaves them there, and they end
 * here as TOKEN_REMOVED. An upload of the same library revives the token with its history.
 * Throws TOKEN_HOLDS_LICENSES, NOT_FOUND, and for a release TOKEN_EXPIRED, TOKEN_NOT_USABLE, INSTALLATION_NOT_CONFIRMED.
 */
export async function removeToken(context: Context, rawInput: z.input<typeof inputSchema>): Promise<RemovedToken> {
  requireRight(context, 'tokens:write');
  const { tokenId, ...input } = parseInput(inputSchema, rawInput);
  const release = input.releaseLicenses ?? (input.confirm ? false : null);
  const removed = await transaction(context, (tx) => startRemoval(context, tx, { tokenId, release }));
  await afterRemoval(context, removed);
  return removed;
}

/** Removes the token inside a transaction, or starts the task that does; `release` null means that nobody decided. */
export async function startRemoval(
  context: Context,
  tx: Tx,
  { tokenId, release }: { tokenId: bigint; release: boolean | null },
): Promise<RemovedToken> {
  if (release) requireRight(context, 'licenses:write');
  const key: TokenKey = { organizationId: context.actor.organizationId, tokenId };
  await lockTokens(context, tx);
  const token = await findToken(context, tx, tokenId);
  if (release && token.removalTaskId !== null) return joined(tx, key, token.removalTaskId);
  const holdings = await countHoldings(tx, key);
  if (release && holdings.total > holdings.irrevocable) return beginRelease(context, tx, token, holdings);
  return removeNow(context, tx, key, release !== null);
}

/** What follows the removal's transaction. */
export async function afterRemoval(
  context: Context,
  { tokenId, taskId }: Omit<RemovedToken, 'licensesLeft'>,
): Promise<void> {
  if (taskId === null) await forgetSeen(context, { organizationId: context.actor.organizationId, tokenId });
}

async function joined(tx: Tx, key: TokenKey, taskId: bigint): Promise<RemovedToken> {
  return { tokenId: key.tokenId, licensesLeft: (await countHoldings(tx, key)).irrevocable, taskId };
}

async function beginRelease(context: Context, tx: Tx, token: Token, holdings: TokenHoldings): Promise<RemovedToken> {
  const state = tokenState(token, context.clock.now(), context.settings);
  if (!isUsable(state)) throw tokenRefusal(token, state);
  const taskId = await startRelease(context, tx, token, holdings);
  return { tokenId: token.id, licensesLeft: holdings.irrevocable, taskId };
}

async function removeNow(context: Context, tx: Tx, key: TokenKey, decided: boolean): Promise<RemovedToken> {
  const tasks = await lockAllOfToken(tx, key);
  const holdings = await countHoldings(tx, key);
  if ((holdings.total > 0n || holdings.seats > 0n) && !decided)
    throw new TokenHoldsLicensesError(holdings, await reservedLicenses(tx, key));
  const licensesLeft = holdings.total - holdings.reserved;
  await recordAudit(context, tx, {
    action: 'token.remove',
    subject: `token:${key.tokenId}`,
    data: { licensesLeft, tasksEnded: tasks.length },
  });
  await forgetToken(context, tx, key, tasks);
  return { tokenId: key.tokenId, licensesLeft, taskId: null };
}
