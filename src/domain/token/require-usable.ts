import type { Tx } from '../../db/transaction.ts';
import type { Context } from '../context.ts';
import { findToken } from './find.ts';
import { isUsable, tokenRefusal, tokenState } from './state.ts';

/** Throws NOT_FOUND, TOKEN_EXPIRED or TOKEN_NOT_USABLE unless something can be written through the token now. */
export async function requireUsableToken(context: Context, tx: Tx, tokenId: bigint): Promise<void> {
  const token = await findToken(context, tx, tokenId);
  const state = tokenState(token, context.clock.now(), context.settings);
  if (!isUsable(state)) throw tokenRefusal(token, state);
}
